import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkAmbient } from '../tidy/ambient.mjs';
import { checks } from '../tidy/checks.mjs';
import { checkDocPaths } from '../tidy/doc-paths.mjs';
import { checkDocstrings } from '../tidy/docstrings.mjs';
import { checkErrorCodes } from '../tidy/error-codes.mjs';
import { checkImports } from '../tidy/imports.mjs';
import { checkLayers } from '../tidy/layers.mjs';
import { checkPackageShape } from '../tidy/package-shape.mjs';
import { loadRepository } from '../tidy/repository.mjs';
import { checkSize } from '../tidy/size.mjs';
import { checkSkippedTests } from '../tidy/skipped-tests.mjs';

/**
 * `fixtures/good` is a small repository without a fault. `fixtures/<rule>` holds files that are laid over it to spoil it, and
 * `expected.txt`, every line that the rule's check then prints.
 */
const fixtures = fileURLToPath(new URL('./fixtures', import.meta.url));

const checkOf = new Map([
  ['layers', checkLayers],
  ['imports', checkImports],
  ['ambient', checkAmbient],
  ['size', checkSize],
  ['docstrings', checkDocstrings],
  ['package-shape', checkPackageShape],
  ['error-codes', checkErrorCodes],
  ['doc-paths', checkDocPaths],
  ['skipped-tests', checkSkippedTests],
]);

describe('tidy', () => {
  it('has nothing to say about a good repository', () => {
    const repository = loadRepository([join(fixtures, 'good')]);
    expect(repository.packages.map(({ name }) => name).sort()).toEqual(['env', 'env-node', 'store']);
    expect(checks.flatMap((check) => check(repository))).toEqual([]);
  });

  it('has a spoilt repository for every check', () => {
    expect(new Set(checks)).toEqual(new Set(checkOf.values()));
    expect(readdirSync(fixtures).sort()).toEqual(['good', ...checkOf.keys()].sort());
  });

  it.each([...checkOf.keys()])('finds what its rule forbids: %s', async (rule) => {
    const spoilt = join(fixtures, rule);
    const findings = checkOf.get(rule)?.(loadRepository([join(fixtures, 'good'), spoilt])) ?? [];
    expect(findings.length).toBeGreaterThan(0);
    const printed = findings.map(({ path, line, rule: said, advice }) => `${path}:${line}: ${said}: ${advice}\n`).join('');
    await expect(printed).toMatchFileSnapshot(join(spoilt, 'expected.txt'));
  });

  it('knows where a finding is: the named line of the named file is there', () => {
    for (const rule of checkOf.keys()) {
      const lines = readFileSync(join(fixtures, rule, 'expected.txt'), 'utf8')
        .trimEnd()
        .split('\n');
      for (const [, path = '', line] of lines.map((text) => /^([^:]+):(\d+): /.exec(text) ?? [])) {
        const file = [join(fixtures, rule, path), join(fixtures, 'good', path)].find((candidate) => existsSync(candidate));
        expect(file, path).toBeDefined();
        expect(Number(line)).toBeGreaterThan(0);
      }
    }
  });
});
