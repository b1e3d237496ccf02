/**
 * A test runs or does not exist: no `.only`, `.skip`, `.todo` and their older spellings. `skipIf` and `runIf` are how a
 * long form waits for its flag, and are let through.
 */
import { walk } from './syntax.mjs';

/** @typedef {import('./repository.mjs').Finding} Finding */

const rule = 'skipped-tests';

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {Finding[]}
 */
export function checkSkippedTests(repository) {
  return repository.paths
    .filter((path) => /\.test\.(ts|mjs)$/.test(path))
    .flatMap((path) => {
      const syntax = repository.syntax(path);
      /** @type {Finding[]} */
      const findings = [];
      walk(syntax.program, (node) => {
        const name = skippedName(node);
        if (name !== undefined) findings.push({ path, line: syntax.lineAt(node.start), rule, advice: `${name}: let it run, or remove it` });
      });
      return findings;
    });
}

/** @param {import('./syntax.mjs').Node} node */
function skippedName(node) {
  if (node.type === 'CallExpression' && /^(xit|xtest|xdescribe|fit|fdescribe)$/.test(node['callee'].name ?? '')) return node['callee'].name;
  if (node.type !== 'MemberExpression' || !/^(only|skip|todo)$/.test(node['property'].name ?? '')) return undefined;
  let object = node['object'];
  while (object.type === 'MemberExpression') object = object.object;
  return /^(it|test|describe|suite|bench)$/.test(object.name ?? '') ? `${object.name}.${node['property'].name}` : undefined;
}
