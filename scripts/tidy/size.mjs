/**
 * Files and functions stay small enough to be read at once. A file past 400 lines says why, in a line
 * `// tidy: long because ...`; none passes 600. No function passes 60 lines; one that lists tests is not a function in that sense.
 */
import { walk } from './syntax.mjs';

/** @typedef {import('./repository.mjs').Finding} Finding */
/** @typedef {import('./syntax.mjs').Node} Node */

const rule = 'size';
const fileLinesAsked = 400;
const fileLinesMax = 600;
const functionLinesMax = 60;

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {Finding[]}
 */
export function checkSize(repository) {
  return repository.paths
    .filter((path) => /\.(ts|mjs|js)$/.test(path) && !path.endsWith('.d.ts'))
    .flatMap((path) => {
      const syntax = repository.syntax(path);
      return [...fileFindings(path, syntax), ...functionFindings(path, syntax)];
    });
}

/**
 * @param {string} path
 * @param {import('./syntax.mjs').Syntax} syntax
 * @returns {Finding[]}
 */
function fileFindings(path, syntax) {
  const lines = syntax.lineCount;
  if (lines > fileLinesMax) return [{ path, line: 1, rule, advice: `${lines} lines; split it, none has more than ${fileLinesMax}` }];
  if (lines <= fileLinesAsked || /^ *\/\/ tidy: long because \S/m.test(syntax.text)) return [];
  return [{ path, line: 1, rule, advice: `${lines} lines; split it, or say why not in a line "// tidy: long because ..."` }];
}

/**
 * @param {string} path
 * @param {import('./syntax.mjs').Syntax} syntax
 * @returns {Finding[]}
 */
function functionFindings(path, syntax) {
  /** @type {Finding[]} */
  const findings = [];
  walk(syntax.program, (node, parent) => {
    if (!/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type) || isSuite(node, parent)) return;
    const line = syntax.lineAt(node.start);
    const lines = syntax.lineAt(node.end) - line + 1;
    if (lines > functionLinesMax)
      findings.push({ path, line, rule, advice: `a function of ${lines} lines; no more than ${functionLinesMax}: give its parts names` });
  });
  return findings;
}

/**
 * Whether a function is the body of a suite: handed to `describe`, or a list of tests itself.
 * @param {Node} node
 * @param {Node | undefined} parent
 */
function isSuite(node, parent) {
  /** @type {Node[]} */
  const statements = node['body']?.type === 'BlockStatement' ? node['body'].body : [];
  const lists = statements.some((statement) => /^(describe|it|test)$/.test(calledName(statement['expression'])));
  return lists || calledName(parent) === 'describe';
}

/**
 * The first name of what a call calls: `describe` for `describe.each([1])(...)`.
 * @param {Node | undefined} node
 * @returns {string}
 */
function calledName(node) {
  if (node?.type !== 'CallExpression') return '';
  let callee = node['callee'];
  while (callee.type === 'MemberExpression' || callee.type === 'CallExpression') callee = callee.object ?? callee.callee;
  return callee.name ?? '';
}
