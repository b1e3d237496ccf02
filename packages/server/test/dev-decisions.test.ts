/** What `coterie dev` decides without doing anything: addresses, seeds, and what a typed line asks for. */
import { describe, expect, test } from 'vitest';
import { parseConsoleLine } from '../src/dev/console-line.ts';
import { type DevLayout, lastPort, layOut } from '../src/dev/layout.ts';

const layout: DevLayout = { nodes: 3, directory: 'd', http: { host: '127.0.0.1', port: 7070 }, freePorts: [], existing: new Set() };

describe('the layout', () => {
  test('counts ports up by ten, and has the others join through the first', () => {
    const plans = layOut(layout);
    expect(plans.map(({ http, peer }) => [http, peer])).toEqual([
      ['127.0.0.1:7070', '127.0.0.1:7072'],
      ['127.0.0.1:7080', '127.0.0.1:7082'],
      ['127.0.0.1:7090', '127.0.0.1:7092'],
    ]);
    expect(plans.map(({ seeds }) => seeds)).toEqual([[], ['127.0.0.1:7072'], ['127.0.0.1:7072']]);
    expect(plans[2]).toMatchObject({ name: 'node-3', directory: 'd/node-3', logFile: 'd/node-3.log' });
    expect(lastPort(layout)).toBe(7092);
  });

  test('takes free ports when the first is 0', () => {
    const plans = layOut({ ...layout, http: { host: '127.0.0.1', port: 0 }, freePorts: [1, 2, 3, 4, 5, 6] });
    expect(plans.map(({ http, peer }) => [http, peer])).toEqual([
      ['127.0.0.1:1', '127.0.0.1:2'],
      ['127.0.0.1:3', '127.0.0.1:4'],
      ['127.0.0.1:5', '127.0.0.1:6'],
    ]);
  });

  test('never begins a second cluster beside nodes that belong to one', () => {
    const restarted = layOut({ ...layout, existing: new Set([2, 3]) });
    expect(restarted.map(({ seeds }) => seeds)).toEqual([
      ['127.0.0.1:7082', '127.0.0.1:7092'],
      ['127.0.0.1:7072', '127.0.0.1:7092'],
      ['127.0.0.1:7072', '127.0.0.1:7082'],
    ]);
    expect(layOut({ ...layout, existing: new Set([1]) })[0]?.seeds).toEqual([]);
  });
});

describe('a line at the console', () => {
  test.each([
    ['kill 3', { order: 'kill', node: 3 }],
    ['  STOP  node-1 ', { order: 'stop', node: 1 }],
    ['start 2', { order: 'start', node: 2 }],
    ['status', { order: 'status' }],
    ['', { order: 'nothing' }],
  ])('%j', (line, order) => expect(parseConsoleLine(line, 3)).toEqual(order));

  test.each([
    ['kill', 'kill takes the number of a node, from 1 to 3, such as kill 3'],
    ['kill 4', 'from 1 to 3'],
    ['kill 0', 'from 1 to 3'],
    ['kill -1', 'from 1 to 3'],
    ['destroy 1', 'there is no "destroy"'],
  ])('%j is refused with what would be right', (line, why) => {
    expect(parseConsoleLine(line, 3)).toEqual({ order: 'wrong', why: expect.stringContaining(why) });
  });
});
