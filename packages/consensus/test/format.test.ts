/**
 * The bytes of files and messages, held to `docs/formats/ring-log.md` and to the files of released versions, which are
 * read for ever. `COTERIE_WRITE_GOLDEN=1` writes those of this version anew, which is right only before its release.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Files } from '@coterie/env';
import { createSimulation, type Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { foundationHash, recordHash } from '../src/chain.ts';
import { decodeRequest, encodeRequest, type LogRequest } from '../src/messages.ts';
import { RingLog, type RingLogEnvironment } from '../src/index.ts';
import { act, type Team, teamRules } from './team.ts';

const directory = '/data/ring';
const identity = { cluster: 'garden', lineage: 'garden' };
const transport = { ask: () => Promise.reject(new Error('nobody is there')) };

/** A world whose randomness is 1, 2, 3 ... and where every file is number 7 on device 1. */
function plainWorld(simulation: Simulation): RingLogEnvironment {
  const files = new Proxy(simulation.environment.files, {
    get(target, name: keyof Files) {
      if (name === 'identity') return () => Promise.resolve({ device: 1, inode: 7 });
      return target[name].bind(target);
    },
  });
  return { ...simulation.environment, files, random: { u32: () => 1, fill: (into) => into.map((_, i) => i + 1) } };
}

function open(simulation: Simulation): Promise<RingLog<Team>> {
  return RingLog.open({ directory, rules: teamRules, node: 'n1', transport, environment: plainWorld(simulation) });
}

/** The files of the worked example: a log with one steward and one decision. */
async function exampleFiles(): Promise<{ ring: Uint8Array; votes: Uint8Array }> {
  const simulation = createSimulation({ seed: 1 });
  await simulation.run(async () => {
    const log = await open(simulation);
    await log.create({ cluster: 'garden', state: { stewards: [log.self], words: [] } });
    await log.propose(act('d1', { word: 'fig' }));
    await log.close();
  });
  const { disk } = simulation;
  return { ring: disk.contents(`${directory}/ring.log`), votes: disk.contents(`${directory}/votes.log`) };
}

const exampleMessage: LogRequest = {
  kind: 'vote',
  epoch: 2,
  previous: 'ab'.repeat(32),
  request: { kind: 'prepare', ballot: { round: 1, proposer: 'n1/0102030405060708' } },
};

/** The blocks of bytes that the document shows, in order. */
function documented(): Uint8Array[] {
  const text = readFileSync(new URL('../../../docs/formats/ring-log.md', import.meta.url), 'utf8');
  const blocks: string[][] = [];
  for (const line of text.split('\n').filter((one) => /^[0-9a-f]{4} {2}([0-9a-f]{2} ?)+$/.test(one))) {
    if (line.startsWith('0000')) blocks.push([]);
    blocks.at(-1)?.push(...line.slice(6).trim().split(' '));
  }
  return blocks.map((block) => Uint8Array.from(block, (byte) => Number.parseInt(byte, 16)));
}

function goldenPath(name: string): URL {
  return new URL(`./golden/${name}`, import.meta.url);
}

async function worldWith(files: Readonly<Record<string, Uint8Array>>): Promise<Simulation> {
  const simulation = createSimulation({ seed: 2 });
  const environment = simulation.environment;
  await simulation.run(async () => {
    await environment.files.makeDirectory(directory);
    for (const [name, bytes] of Object.entries(files)) {
      const file = await environment.files.open(`${directory}/${name}`, 'create');
      await file.write(bytes, 0, bytes.length, 0);
      await file.close();
    }
  });
  return simulation;
}

describe('the format document', () => {
  it('shows what is written', async () => {
    const { ring, votes } = await exampleFiles();
    const [ringBytes, votesBytes, messageBytes] = documented();
    expect(hex(ringBytes)).toBe(hex(ring));
    expect(hex(votesBytes)).toBe(hex(votes));
    expect(hex(messageBytes)).toBe(hex(encodeRequest({ identity, body: exampleMessage })));
    expect(decodeRequest(messageBytes)).toEqual({ identity, body: exampleMessage });
  });

  it('names the hashes of its example', async () => {
    const text = readFileSync(new URL('../../../docs/formats/ring-log.md', import.meta.url), 'utf8');
    const state = teamRules.encodeState({ stewards: [{ node: 'n1', incarnation: '0102030405060708' }], words: [] });
    const first = foundationHash(identity, 1, state);
    const second = recordHash({ epoch: 2, previous: first, decision: act('d1', { word: 'fig' }) });
    for (const hash of [first, second]) expect(text).toContain(hash);
  });
});

describe('the files of version 1', () => {
  it('are read', async () => {
    if (process.env['COTERIE_WRITE_GOLDEN'] !== undefined) {
      const { ring, votes } = await exampleFiles();
      writeFileSync(goldenPath('v1-ring.log'), ring);
      writeFileSync(goldenPath('v1-votes.log'), votes);
    }
    const simulation = await worldWith({
      'ring.log': new Uint8Array(readFileSync(goldenPath('v1-ring.log'))),
      'votes.log': new Uint8Array(readFileSync(goldenPath('v1-votes.log'))),
    });
    const log = await simulation.run(() => open(simulation));
    expect(log.digest()).toMatchObject({ ...identity, epoch: 2 });
    expect(log.state).toEqual({ stewards: [{ node: 'n1', incarnation: '0102030405060708' }], words: ['fig'] });
    expect(log.self).toEqual({ node: 'n1', incarnation: '0102030405060708' });
    await simulation.run(log.propose(act('d2', { word: 'plum' })));
  });
});

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}
