import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/**
 * Every ```ts example of a README, and of the pages in docs, passes the compiler and runs against the built packages, in a
 * fresh process and an empty working directory, and exits with 0. It lies in a folder `.cache` beside the page, so that it
 * sees the dependencies which a user has.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

interface Example {
  readonly name: string;
  readonly code: string;
  /** Its folder; the code is compiled and run in there. */
  readonly directory: string;
}

const pages = [
  'README.md',
  ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`),
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
].filter((path) => path.endsWith('.md') && existsSync(join(root, path)));

const examples = pages.flatMap((page): Example[] =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ''], i) => ({
    name: `${page}, example ${i + 1}`,
    code,
    directory: join(root, dirname(page), '.cache/examples', `${page.replace(/\W/g, '-')}-${i + 1}`),
  })),
);

const project = join(root, '.cache/examples/tsconfig.json');
let compiler: { readonly status: number | null; readonly stdout: string };

beforeAll(() => {
  mkdirSync(dirname(project), { recursive: true });
  for (const { directory, code } of examples) {
    mkdirSync(join(directory, 'empty'), { recursive: true });
    writeFileSync(join(directory, 'example.ts'), `${code}\nexport {};\n`);
  }
  const options = { composite: false, declaration: false, declarationMap: false, sourceMap: false, isolatedDeclarations: false };
  const files = examples.map(({ directory }) => join(directory, 'example.ts'));
  writeFileSync(
    project,
    JSON.stringify({ extends: join(root, 'tsconfig.base.json'), compilerOptions: { ...options, noEmitOnError: false }, files }),
  );
  compiler = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project], { encoding: 'utf8' });
});

afterAll(() => {
  for (const { directory } of examples) rmSync(directory, { recursive: true, force: true });
  rmSync(project, { force: true });
});

describe('examples', () => {
  it('are there, and pass the compiler', () => {
    expect(examples.length).toBeGreaterThan(0);
    expect(compiler).toMatchObject({ status: 0, stdout: '' });
  });

  it.each(examples)('run: $name', async ({ directory }) => {
    await expect(
      run(process.execPath, [join(directory, 'example.js')], { cwd: join(directory, 'empty'), timeout: 30_000 }),
    ).resolves.toBeDefined();
  });
});
