/**
 * `docs/errors.md` explains every error code and no other: one heading `## CODE` each, in the order of `errorCodes` in
 * `packages/env/src/errors.ts`, followed by a line that says whether trying again can help, as the code says it.
 */
import { walk } from './syntax.mjs';

/** @typedef {import('./repository.mjs').Finding} Finding */
/** @typedef {{ code: string, retryable: boolean, line: number }} Entry */

const rule = 'error-codes';
const sourcePath = 'packages/env/src/errors.ts';
const pagePath = 'docs/errors.md';

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {Finding[]}
 */
export function checkErrorCodes(repository) {
  const coded = codesInSource(repository.syntax(sourcePath));
  const explained = codesInPage(repository.text(pagePath));
  const findings = [];
  for (const { code, retryable, line } of coded) {
    const found = explained.find((other) => other.code === code);
    if (!found) findings.push({ path: sourcePath, line, rule, advice: `explain ${code} in ${pagePath} under "## ${code}"` });
    else if (found.retryable !== retryable) {
      findings.push({ path: pagePath, line: found.line, rule, advice: `begin ${code} with "Retryable: ${retryable ? 'yes' : 'no'}"` });
    }
  }
  for (const { code, line } of explained) {
    if (!coded.some((other) => other.code === code))
      findings.push({ path: pagePath, line, rule, advice: `no error has the code ${code}; remove it` });
  }
  return findings;
}

/**
 * @param {import('./syntax.mjs').Syntax} syntax
 * @returns {Entry[]}
 */
function codesInSource(syntax) {
  /** @type {Entry[]} */
  const entries = [];
  walk(syntax.program, (node) => {
    if (node.type !== 'VariableDeclarator' || node['id'].name !== 'errorCodes') return;
    walk(node['init'], (property) => {
      if (property.type !== 'Property' || !/^[A-Z_]+$/.test(property['key'].name)) return;
      const retryable = syntax.text.slice(property.start, property.end).includes('retryable: true');
      entries.push({ code: property['key'].name, retryable, line: syntax.lineAt(property.start) });
    });
  });
  return entries;
}

/**
 * @param {string} text
 * @returns {Entry[]}
 */
function codesInPage(text) {
  const lines = text.split('\n');
  return lines.flatMap((heading, i) => {
    const code = /^## `?([A-Z_]+)`?$/.exec(heading)?.[1];
    const said = lines.slice(i + 1).find((line) => line !== '') ?? '';
    return code === undefined ? [] : [{ code, retryable: said.startsWith('Retryable: yes'), line: i + 1 }];
  });
}
