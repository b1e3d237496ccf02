/** What the pages say is what the code has: settings, codes, metrics. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { problemMeanings } from '../src/http/problem.ts';
import { familyNames } from '../src/metrics/exposition.ts';
import { definitions, notYet } from '../src/settings/definitions.ts';

function page(name: string): string {
  return readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
}

test('every setting is documented with its default and what it takes', () => {
  const text = page('configuration.md');
  for (const [name, { default: standard, help, right }] of Object.entries(definitions)) {
    expect(text).toContain(`| \`${name}\` | ${standard === '' ? 'none' : `\`${standard}\``} | ${help} | ${right} |`);
  }
  expect(text.match(/^\| `[a-z-]+` \|/gm)).toHaveLength(Object.keys(definitions).length);
  for (const name of notYet) expect(text).toContain(`--${name}`);
});

test('every code has its status in the HTTP page', () => {
  const rows =
    page('http-api.md')
      .split('## Codes')[1]
      ?.split('\n')
      .filter((line) => line.startsWith('| ')) ?? [];
  for (const [code, { status }] of Object.entries(problemMeanings)) {
    const row = rows.find((line) => line.slice(0, 12).includes(String(status)) && line.includes(`\`${code}\``));
    expect([code, row]).toEqual([code, expect.any(String)]);
  }
});

test('every metric is in the operating page, and no other', () => {
  const named = new Set(page('operating.md').match(/coterie_[a-z_]+/g));
  expect([...named].sort()).toEqual([...familyNames()].sort());
});
