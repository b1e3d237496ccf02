import { isCoterieError } from '@coterie/env';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isLoopback, parseAddress, showAddress } from '../src/settings/address.ts';
import { httpForOthers } from '../src/open-node.ts';
import { type Settings, definitions } from '../src/settings/definitions.ts';
import { resolveSettings, variableOf } from '../src/settings/resolve.ts';

function refusal(sources: { flags?: Record<string, string>; variables?: Record<string, string>; file?: string }): string {
  try {
    const { flags = {}, variables = {}, file } = sources;
    resolveSettings(file === undefined ? { flags, variables } : { flags: { config: 'c.toml', ...flags }, variables, readFile: () => file });
  } catch (error) {
    expect(isCoterieError(error, 'INVALID_ARGUMENT')).toBe(true);
    return (error as Error).message;
  }
  throw new Error('was not refused');
}

describe('settings', () => {
  test('defaults', () => {
    const { settings, origins, warnings } = resolveSettings({ flags: {}, variables: {} });
    expect(settings.http).toEqual({ host: '127.0.0.1', port: 7070 });
    expect(settings.sync).toBe('always');
    expect(settings['keep-alive-timeout']).toBe(75_000);
    expect(new Set(Object.values(origins))).toEqual(new Set(['default']));
    expect(warnings).toEqual([]);
  });

  test('flag before variable before file before default', () => {
    const file = 'name = "file"\nsync = 25\nrequests-max = 7\nallowed-host = ["a.test", "b.test"]\n';
    const { settings, origins } = resolveSettings({
      flags: { config: 'c.toml', name: 'flag' },
      variables: { COTERIE_NAME: 'variable', COTERIE_REQUESTS_MAX: '8' },
      readFile: () => file,
    });
    expect(settings.name).toBe('flag');
    expect(settings['requests-max']).toBe(8);
    expect(settings.sync).toEqual({ everyMs: 25 });
    expect(settings['allowed-host']).toEqual(['a.test', 'b.test']);
    expect(origins).toMatchObject({
      name: 'flag --name',
      'requests-max': 'variable COTERIE_REQUESTS_MAX',
      sync: '"sync" in c.toml',
      http: 'default',
    });
  });

  test('what is wrong is named with its source and what would be right', () => {
    expect(refusal({ flags: { http: 'here' } })).toMatch(/^flag --http: "here" is not right; it takes HOST:PORT/);
    expect(refusal({ variables: { COTERIE_SYNC: 'sometimes' } })).toMatch(/^variable COTERIE_SYNC: "sometimes" .* always, never/);
    expect(refusal({ file: 'log-level = "loud"' })).toMatch(/^"log-level" in c.toml: "loud" .* debug, info/);
    expect(refusal({ file: 'htpp = "x"' })).toMatch(/"htpp" in c.toml is no setting; there are: data-dir/);
    expect(refusal({ file: 'name = ' })).toMatch(/settings file c.toml cannot be used/);
    expect(refusal({ file: 'name = { a = 1 }' })).toMatch(/a setting is text/);
    expect(refusal({ flags: { seed: '1.2.3.4:7072,here' } })).toMatch(/flag --seed: .*HOST:PORT, such as 10.0.0.7:7072; several/);
    expect(refusal({ flags: { seed: '1.2.3.4:0' } })).toMatch(/flag --seed/);
    expect(refusal({ flags: { join: 'later' } })).toMatch(/flag --join: "later" is not right; it takes auto or staged/);
    expect(refusal({ flags: { weight: '0' } })).toMatch(/whole number from 1 to 1024/);
    expect(refusal({ flags: { zone: 'eu//rack' } })).toMatch(/such as eu\/rack-7/);
    expect(refusal({ variables: { COTERIE_REDIS: 'x' } })).toMatch(/not there yet/);
  });

  test('every setting refuses nonsense', () => {
    for (const name of Object.keys(definitions)) {
      if (name === 'data-dir') continue;
      expect(refusal({ flags: { [name]: '!?' } })).toContain(`--${name}`);
    }
  });

  test('a missing file is refused', () => {
    expect(() => resolveSettings({ flags: { config: '/nonexistent/c.toml' }, variables: {} })).toThrow(/nonexistent/);
  });

  test('a public address needs --insecure', () => {
    expect(refusal({ flags: { http: '0.0.0.0:7070' } })).toMatch(/--insecure/);
    expect(refusal({ flags: { http: '[::]:7070' } })).toMatch(/--insecure/);
    expect(refusal({ flags: { peer: '10.0.0.1:7072' } })).toMatch(/^peer: 10.0.0.1:7072 can be reached .*--insecure/);
    expect(resolveSettings({ flags: { http: '0.0.0.0:7070', insecure: 'true' }, variables: {} }).settings.insecure).toBe(true);
  });

  test('an unknown variable is told about', () => {
    const { warnings } = resolveSettings({ flags: {}, variables: { COTERIE_HTPP: 'x', COTERIE_URL: 'y', PATH: 'z' } });
    expect(warnings).toEqual([expect.stringContaining('COTERIE_HTPP')]);
    expect(variableOf('data-dir')).toBe('COTERIE_DATA_DIR');
  });
});

describe('where others reach this node', () => {
  function resolved(flags: Record<string, string>): Settings {
    return resolveSettings({ flags, variables: {} }).settings;
  }

  test('several seeds, a zone, a weight', () => {
    const settings = resolved({ seed: '10.0.0.1:7072,db-2:7072', zone: 'eu/rack-7', weight: '3' });
    expect(settings.seed.map(showAddress)).toEqual(['10.0.0.1:7072', 'db-2:7072']);
    expect([settings.zone, settings.weight, settings.join, settings.name]).toEqual(['eu/rack-7', 3, 'auto', '']);
  });

  test('all addresses of a machine are none to dial', () => {
    const open = { peer: '0.0.0.0:7072', insecure: 'true' };
    expect(refusal({ flags: open })).toMatch(/^peer: 0.0.0.0:7072 is no address .*--peer-advertise/);
    expect(refusal({ flags: { ...open, 'peer-advertise': '0.0.0.0:7072' } })).toMatch(/--peer-advertise/);
    expect(resolved({ ...open, 'peer-advertise': '10.0.0.1:7072' })['peer-advertise']).toEqual({ host: '10.0.0.1', port: 7072 });
  });

  test('clients are told of HTTP by a host that can be dialled', () => {
    const told = (flags: Record<string, string>): string => showAddress(httpForOthers(resolved({ insecure: 'true', ...flags })));
    expect(told({})).toBe('127.0.0.1:7070');
    expect(told({ http: '10.0.0.1:80' })).toBe('10.0.0.1:80');
    expect(told({ http: '0.0.0.0:80', peer: '10.0.0.1:7072' })).toBe('10.0.0.1:80');
    expect(told({ http: '0.0.0.0:80', peer: '0.0.0.0:7072', 'peer-advertise': 'db-1:9' })).toBe('db-1:80');
    expect(told({ http: '0.0.0.0:80', 'http-advertise': 'kv.example:443' })).toBe('kv.example:443');
  });
});

describe('addresses', () => {
  test('come back as they were', () => {
    for (const text of ['127.0.0.1:0', 'localhost:7070', '[::1]:65535', 'a-b.example:80'])
      expect(showAddress(parseAddress(text)!)).toBe(text);
    for (const text of ['', ':80', 'a', 'a:b', 'a:70000', '::1:80', '[1.2.3.4]:1', 'a:1:2', ' a:1'])
      expect(parseAddress(text)).toBeUndefined();
    fc.assert(fc.property(fc.string(), (text) => void parseAddress(text)));
  });

  test('loopback', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].map((host) => isLoopback({ host, port: 1 }))).toEqual([true, true, true, true]);
    expect(['0.0.0.0', '10.0.0.1', '::', '127.evil.test', 'example.com'].some((host) => isLoopback({ host, port: 1 }))).toBe(false);
  });
});
