import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What the README and the quick start tell a newcomer to type is typed here, at a real server, in a shell. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'coterie-quick-start-'));
let server: ChildProcess;
let url = '';

beforeAll(async () => {
  const args = ['start', '--http', '127.0.0.1:0', '--peer', '127.0.0.1:0', '--data-dir', join(directory, 'data')];
  server = spawn(process.execPath, [join(root, 'packages/server/dist/main.js'), ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  let printed = '';
  await new Promise<void>((resolve, reject) => {
    server.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${printed}`)));
    server.stdout?.on('data', (chunk) => {
      printed += String(chunk);
      if (printed.includes('-X DELETE')) resolve();
    });
  });
  url = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0] ?? '';
});

afterAll(() => {
  server.kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

/** The page's shell examples, but for those that install or start. */
function shellOf(page: string): string {
  const blocks = [...readFileSync(join(root, page), 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code = '']) => code);
  return blocks.filter((code) => !/npm |main\.js (start|dev)\b/.test(code)).join('\n');
}

function typed(script: string): string {
  const env = { ...process.env, COTERIE_URL: url };
  return execFileSync('bash', ['-e', '-c', script.replaceAll('http://127.0.0.1:7070', url)], {
    cwd: root,
    encoding: 'utf8',
    env,
    stdio: 'pipe',
  });
}

describe('what a newcomer types', () => {
  it('works as the README says', () => {
    expect(typed(shellOf('README.md'))).toBe('milk, bread');
  });

  it('works as the quick start says', () => {
    const output = typed(shellOf('docs/quick-start.md'));
    const told = [
      '204 No Content',
      '200 OK',
      '"code":"DELETED"',
      '"code":"NOT_FOUND"',
      '300 Multiple Choices',
      '"siblings":[',
      'milk, bread, tea',
      'rice',
      'Usage: coterie',
    ];
    const positions = told.map((text) => output.indexOf(text));
    expect(positions, output).not.toContain(-1);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  });

  it('ends with Ctrl-C, cleanly', async () => {
    const exited = once(server, 'exit');
    server.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
  });
});
