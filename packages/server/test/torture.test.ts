/**
 * The short form of `npm run torture`: real processes are killed, stopped and cut off under load, and what clients were
 * told is held against what is there. And once more with acknowledged writes destroyed, to see that this would be noticed.
 */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const program = fileURLToPath(new URL('../../../scripts/torture/main.mjs', import.meta.url));
const small = ['--minutes', '0', '--keys', '15', '--clients', '20'];
const sameNodes = ['--swaps', '0'];

function torture(...options: string[]): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...small, ...options], { maxBuffer: 2 ** 24 }, (error, out) => {
      const code = error === null ? 0 : Number(error.code ?? 1);
      const [, directory] = /^data and logs: (\S+)$/m.exec(out) ?? [];
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
      resolve({ code, out });
    });
  });
}

test('a cluster under faults keeps every promise', { timeout: 180_000 }, async () => {
  const { code, out } = await torture('--phase', '0.7', '--seed', '7');
  expect(out).toMatch(/\d+ operations judged: all well[^]*verdict: every promise was kept/);
  expect(out).toMatch(/\njoin[^\n]*\nnode-\d leaves[^\n]*\nat rest/);
  expect(out).toMatch(/45 keys read once, 135 copies compared/);
  expect(code).toBe(0);
});

test('a lost disk that held the only copy is found out, with the story of the key', { timeout: 180_000 }, async () => {
  const { code, out } = await torture('--phase', '0.2', '--seed', '8', '--spoil', ...sameNodes);
  expect(out).toMatch(/P1 (is broken at )?always\/r1-k\d/);
  expect(out).toMatch(/again, with the same victims: npm run torture -- .*--seed 8 --spoil/);
  expect(code).toBe(1);
});
