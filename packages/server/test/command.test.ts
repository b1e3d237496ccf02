/** The commands, as processes, against a real server process on real data. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Outcome, type ServerProcess, forget, makeDirectory, run, startProcess } from './double/process.ts';

let directory: string;
let server: ServerProcess;
beforeAll(async () => {
  directory = makeDirectory();
  server = await startProcess(join(directory, 'data'), '--name', 'tester');
});
afterAll(() => forget(directory));

function coterie(...args: string[]): Promise<Outcome> {
  return run(args, { variables: { COTERIE_URL: server.url } });
}

describe('values', () => {
  test('put, get, delete', async () => {
    expect(await coterie('put', 'cart', 'alice', 'milk')).toEqual({
      code: 0,
      out: 'stored cart/alice  (primaries=1, fallbacks=0, synced=1)\n',
      err: '',
    });
    expect(await coterie('get', 'cart', 'alice')).toEqual({ code: 0, out: 'milk', err: '' });
    expect((await coterie('delete', 'cart', 'alice')).out).toMatch(/^deleted cart\/alice/);
    expect(await coterie('get', 'cart', 'alice')).toEqual({ code: 1, out: '', err: 'coterie: cart/alice was deleted\n' });
    expect(await coterie('get', 'cart', 'nobody')).toEqual({ code: 1, out: '', err: 'coterie: cart/nobody holds no value\n' });
  });

  test('a value from standard input comes back to the byte', async () => {
    const value = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
    expect((await run(['put', 'cart', 'ä/% key', '-', '--url', server.url], { input: value })).code).toBe(0);
    const { code, out } = await coterie('get', 'cart', 'ä/% key');
    expect([code, Buffer.from(out, 'latin1').equals(value)]).toEqual([0, true]);
    expect((await coterie('bucket', 'keys', 'cart', '--prefix', 'ä')).out).toBe('%C3%A4%2F%25%20key\n');
  });

  test('siblings are shown with how to merge them, and the merge works', async () => {
    await coterie('put', 'cart', 'bob', 'milk');
    await coterie('put', 'cart', 'bob', 'bread');
    const { code, out, err } = await coterie('get', 'cart', 'bob');
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/has 2 concurrent values[^]*"milk"\n[^]*"bread"\n {2}next: coterie put cart bob MERGED --context \S+/);
    const found = JSON.parse((await coterie('get', 'cart', 'bob', '--json')).out) as { context: string; siblings: { value: string }[] };
    expect(found.siblings.map((sibling) => Buffer.from(sibling.value, 'base64').toString()).sort()).toEqual(['bread', 'milk']);
    expect((await coterie('put', 'cart', 'bob', 'milk, bread', '--context', found.context)).code).toBe(0);
    expect((await coterie('get', 'cart', 'bob')).out).toBe('milk, bread');
  });

  test('a refusal names endpoint and cause', async () => {
    const { code, err } = await coterie('put', 'cart', 'alice', 'x', '--w', '2');
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`^coterie: PUT ${server.url}/v1/kv/cart/alice\\?w=2 was refused: [45]\\d\\d [A-Z_]+: `));
    expect((await coterie('put', 'cart', 'alice', 'x', '--ttl', '30')).err).toContain('such as 500ms');
    expect((await coterie('put', 'cart', 'alice', 'x', '--context', 'junk')).err).toContain('INVALID_ARGUMENT');
  });

  test('of several members the first that is ready is asked; if none is, the first says why', async () => {
    const urls = `http://127.0.0.1:1, ${server.url}`;
    expect((await run(['put', 'cart', 'fails-over', 'milk', '--url', urls])).code).toBe(0);
    expect((await run(['get', 'cart', 'fails-over'], { variables: { COTERIE_URL: urls } })).out).toBe('milk');
    const { code, err } = await run(['get', 'a', 'b', '--url', 'http://127.0.0.1:1,http://127.0.0.1:2']);
    expect([code, err]).toEqual([1, expect.stringContaining('nothing listens at 127.0.0.1:1\n')]);
  });

  test('nothing there: the endpoint is named, and what to do', async () => {
    const { code, err } = await run(['get', 'a', 'b', '--url', 'http://127.0.0.1:1']);
    expect([code, err]).toEqual([
      1,
      'coterie: GET http://127.0.0.1:1/v1/kv/a/b failed: nothing listens at 127.0.0.1:1\n  next: coterie start   starts a node; --url names one that listens elsewhere\n',
    ]);
  });
});

describe('looking', () => {
  test('status', async () => {
    const { code, out } = await coterie('status');
    expect(code).toBe(0);
    expect(out).toMatch(
      /^cluster [0-9a-f]{16} {2}epoch 1, 1 member, 1024 partitions, one copy of every key: 1 warning\n {2}! This node is alone/,
    );
    expect(out).toMatch(/^tester \* {2}up +1 +1 024 +1 024 +1 024 +0 +yes /m);
    expect(out).toMatch(/^tester {2}ready {2}at http:\/\/127.0.0.1:\d+, up .*, sync always$/m);
    expect(out).toMatch(/^ {2}operation +count +p50/m);
    expect(JSON.parse((await coterie('status', '--json')).out)).toMatchObject({
      node: { name: 'tester', state: 'ready' },
      cluster: { epoch: 1 },
    });
  });

  test('where', async () => {
    await coterie('put', 'cart', 'carol', 'tea');
    expect((await coterie('where', 'cart', 'carol')).out).toMatch(
      /^cart\/carol has token [0-9a-f]{16}, partition \d+ of 1024\n#  node +role +health +holds\n1  tester  primary  healthy  1 version \w{8}\n$/,
    );
  });

  test('members, ring, hints, plan', async () => {
    expect((await coterie('members')).out).toMatch(/^tester \* {2}up /m);
    expect(JSON.parse((await coterie('members', '--json')).out)).toMatchObject({
      epoch: 1,
      members: [{ name: 'tester', http: new URL(server.url).host }],
    });
    expect((await coterie('ring')).out).toMatch(
      /^ring of epoch 1, 1024 partitions\nmember  holder 1  copies    share  HTTP[^]*\ntester +1 024 +1 024  100.0 %  127/,
    );
    expect((await coterie('hints')).out).toBe('no member keeps anything for another\n0 handed over since the nodes started\n');
    expect(JSON.parse((await coterie('hints', '--json')).out)).toEqual([{ node: 'tester', epoch: 1, total: 0, delivered: 0, owners: [] }]);
    expect((await coterie('plan', 'show')).out).toMatch(/\nchange {2}none\n$/);
    expect(JSON.parse((await coterie('plan', '--json')).out)).toMatchObject({ epoch: 1, change: null, staged: [], changes: [] });
  });

  test('a plan is begun by the name under which it was shown, and no other', async () => {
    const shown = (await coterie('plan', 'weight', 'tester', '2')).out;
    const [, name = 'unnamed'] = /coterie plan commit (plan-[0-9a-f]{8}-[0-9a-f]{8}) /.exec(shown) ?? [];
    const staged = (weight: number): string[] => [
      `staged  weight ${weight} of tester`,
      '        0 copies move (as few as can be), about 0 B; the lists of 0 partitions change',
      'member  copies now  after  ideal',
      'tester       1 024  1 024  1 024',
      '  ! 1 of 3 copies: there are not more members; let 2 more join',
    ];
    const next = `coterie plan commit ${name}   begins it        coterie plan abort   forgets it`;
    expect(shown).toBe([...staged(2), next, 'change  none', ''].join('\n'));
    await coterie('plan', 'weight', 'tester', '3');
    expect(await coterie('plan', 'commit', name)).toEqual({
      code: 1,
      out: '',
      err: `coterie: POST ${server.url}/v1/plan/commit was refused: 412 PRECONDITION_FAILED: ${name} is not begun: what is staged has changed, and is now: weight 3 of tester; coterie plan show says what a commit would do now, and its name\n`,
    });
    await coterie('plan', 'weight', 'tester', '2');
    expect(await coterie('plan', 'commit', name)).toEqual({
      code: 0,
      out: `begun   ${name}: weight 2 of tester\nstaged  nothing\nchange  none\n`,
      err: '',
    });
    expect((await coterie('plan', 'commit', 'change-1')).err).toMatch(/INVALID_ARGUMENT: "change-1" is not the name of a plan/);
    expect(await coterie('plan', 'commit')).toEqual({
      code: 1,
      out: '',
      err: 'coterie: nothing is staged\n  next: coterie plan leave|join|replace|weight   stage something\n',
    });
    await coterie('plan', 'weight', 'tester', '1');
    const { code, out } = await coterie('plan', 'commit');
    expect([code, out.replace(/plan-[0-9a-f-]+/g, 'PLAN')]).toEqual([
      0,
      [...staged(1), 'begun   PLAN: weight 1 of tester', 'staged  nothing', 'change  none', ''].join('\n'),
    ]);
    await coterie('plan', 'leave', 'tester');
    const { err } = await coterie('plan', 'commit');
    expect(err).toMatch(/^coterie: leave of tester cannot be begun: .*last member[^]*next: coterie plan abort {3}forgets it\n$/);
    expect((await coterie('plan', 'abort')).out).toBe('staged  nothing\nchange  none\n');
  });

  test('buckets', async () => {
    expect((await coterie('bucket', 'set', 'fast', 'conflict=lww', 'ttl=7d')).out).toMatch(/conflict +lww[^]*ttlMs +604800000/);
    expect((await coterie('bucket', 'show', 'fast')).out).toMatch(/conflict +lww/);
    expect((await coterie('bucket', 'list')).out).toMatch(/^fast .*lww/m);
    expect(await coterie('bucket', 'drop', 'fast')).toMatchObject({
      code: 1,
      err: expect.stringContaining('coterie bucket drop fast --yes'),
    });
    expect((await coterie('bucket', 'drop', 'fast', '--yes')).out).toBe('dropped fast\n');
    expect((await coterie('bucket', 'set', 'fast', 'conflict=sometimes')).err).toContain('conflict');
  });

  test('bench', async () => {
    const { code, out } = await coterie('bench', '--seconds', '1', '--connections', '4', '--keys', '50', '--json');
    expect(code).toBe(0);
    const report = JSON.parse(out) as {
      get: { count: number; p50: number; p99: number; max: number };
      put: { count: number };
      failures: object;
    };
    expect(report.failures).toEqual({});
    expect(Math.min(report.get.count, report.put.count)).toBeGreaterThan(0);
    expect(report.get.p50).toBeLessThanOrEqual(report.get.p99);
    expect(report.get.p99).toBeLessThanOrEqual(report.get.max);
  });
});

describe('usage', () => {
  test.each([
    [['bogus'], "unknown command 'bogus'"],
    [['get', 'only-a-bucket'], "missing required argument 'KEY'"],
    [['get', 'a', 'b', '--frobnicate'], "unknown option '--frobnicate'"],
    [['get', 'a', 'b', '--url', 'ftp://x'], 'http://HOST:PORT'],
    [['start', '--http', 'here'], 'flag --http: "here" is not right'],
    [['start', '--redis', '127.0.0.1:7071'], 'not there yet'],
    [['start', '--join', 'later'], 'auto or staged'],
    [['bench', '--mix', 'all'], 'READ:WRITE'],
    [['bench', '--seconds', '0'], 'a whole number from 1'],
    [['bucket', 'set', 'x', 'ttl'], 'PROPERTY=VALUE'],
  ])('%j is refused with code 2', async (args, told) => {
    const { code, err, out } = await coterie(...args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(told);
  });

  test('help and version', async () => {
    expect(await coterie('--version')).toMatchObject({ code: 0, out: '0.1.0\n' });
    expect((await coterie('--help')).out).toContain('bench');
    expect((await coterie('start', '--help')).out).toContain('--data-dir <DIR>');
    expect((await coterie('start', '--help')).out).toContain('--seed <HOST:PORT>');
  });
});

describe('start', () => {
  test('a directory in use says by whom', async () => {
    const { code, err } = await coterie('start', '--http', '127.0.0.1:0', '--peer', '127.0.0.1:0', '--data-dir', join(directory, 'data'));
    expect(code).toBe(1);
    expect(err).toContain(`process ${server.child.pid}`);
  });

  test('a taken port, a public address, a settings file', async () => {
    const file = join(directory, 'settings.toml');
    writeFileSync(file, 'sync = "sometimes"\n');
    expect(await coterie('start', '--config', file)).toMatchObject({ code: 2, err: expect.stringContaining('"sync" in') });
    expect(await coterie('start', '--http', '0.0.0.0:0')).toMatchObject({ code: 2, err: expect.stringContaining('--insecure') });
    expect(await coterie('start', '--http', `127.0.0.1:${server.port}`, '--data-dir', join(directory, 'other'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('something else listens there'),
    });
    const peer = (JSON.parse(server.lines.find((line) => line.includes('"ready"')) as string) as { peer: string }).peer;
    expect(await coterie('start', '--http', '127.0.0.1:0', '--peer', peer, '--data-dir', join(directory, 'other'))).toMatchObject({
      code: 1,
      err: `coterie: cannot listen for other nodes on ${peer}: something else listens there\n  next: choose another address with --peer HOST:PORT, or port 0 for any free one\n`,
    });
  });

  test('what was written survives a clean stop; text lines name where it listens', async () => {
    const data = join(directory, 'again');
    const first = await startProcess(data);
    await run(['put', 'cart', 'alice', 'milk', '--url', first.url]);
    first.child.kill('SIGINT');
    expect(await first.ended).toBe(0);
    expect(first.lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(
      expect.arrayContaining(['ready', 'stopping', 'draining', 'closed']),
    );
    const second = await startProcess(data, '--insecure', '--sync', '20');
    expect((await run(['get', 'cart', 'alice', '--url', second.url])).out).toBe('milk');
    expect(second.lines.some((line) => line.includes('acknowledged writes may be lost'))).toBe(true);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
  });
});

describe('a data directory without its server', () => {
  test('is verified and dumped; damage is found and repaired', async () => {
    const data = join(directory, 'offline');
    const one = await startProcess(data, '--write-buffer-bytes', '64KiB');
    expect(await coterie('verify', data)).toMatchObject({ code: 1, err: expect.stringContaining(`process ${one.child.pid}`) });
    await run([
      'bench',
      '--url',
      one.url,
      '--seconds',
      '1',
      '--connections',
      '4',
      '--keys',
      '500',
      '--mix',
      '0:1',
      '--value-bytes',
      '1000',
    ]);
    one.child.kill('SIGTERM');
    expect(await one.ended).toBe(0);
    expect(await coterie('verify', data)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+ files, [\d ]+ entries, .* checked in /),
    });
    const dumped = (await coterie('dump', data)).out.trim().split('\n');
    expect(dumped.length).toBeGreaterThan(50);
    expect(Object.keys(JSON.parse(dumped[0] as string) as object)).toEqual(['key', 'value']);
    const table = readdirSync(join(data, 'store')).find((name) => name.endsWith('.sst')) as string;
    const bytes = readFileSync(join(data, 'store', table));
    bytes[100] = (bytes[100] as number) ^ 255;
    writeFileSync(join(data, 'store', table), bytes);
    expect(await coterie('verify', data)).toMatchObject({ code: 1, err: expect.stringContaining(table) });
    expect((await coterie('repair', data)).code).toBe(0);
    expect((await coterie('verify', data)).code).toBe(0);
    expect((await coterie('verify', join(directory, 'nowhere'))).err).toContain('no such directory');
  });
});
