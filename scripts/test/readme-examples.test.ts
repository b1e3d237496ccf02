import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { transformWithOxc } from 'vite';
import { afterAll, describe, expect, it } from 'vitest';

/**
 * Every ```ts example of a README, and of the pages in docs, runs, against the built packages, in a fresh process and an empty working directory,
 * and exits with 0. It lies in a folder `.cache` beside the page, so that it sees the dependencies which a user has.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const scratch = '.cache/readme-examples';

const pages = [
  'README.md',
  ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`),
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
].filter((path) => path.endsWith('.md') && existsSync(join(root, path)));

function examplesOf(path: string): string[] {
  return [...readFileSync(join(root, path), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
}

afterAll(() => {
  for (const path of pages) rmSync(join(root, path, '..', scratch), { recursive: true, force: true });
});

describe('examples', () => {
  for (const path of pages) {
    for (const [i, code] of examplesOf(path).entries()) {
      it(`run: ${path}, example ${i + 1}`, async () => {
        const directory = join(root, path, '..', scratch);
        const workingDirectory = join(directory, `run-${i + 1}`);
        mkdirSync(workingDirectory, { recursive: true });
        const file = join(directory, `example-${i + 1}.mjs`);
        const { code: javascript } = await transformWithOxc(code, `example-${i + 1}.ts`, { target: 'es2023', lang: 'ts' });
        writeFileSync(file, javascript);
        await expect(run(process.execPath, [file], { cwd: workingDirectory, timeout: 30_000 })).resolves.toBeDefined();
      });
    }
  }

  it('are there to run', () => {
    expect(pages.flatMap(examplesOf).length).toBeGreaterThan(0);
  });
});
