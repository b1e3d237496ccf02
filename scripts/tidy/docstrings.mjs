/**
 * Every source file opens with a comment that says what it is for, and every exported name has a docstring at its
 * declaration. An `index.ts` is a hand-written list of names and needs neither, but it lists them: no `export *`.
 */

/** @typedef {import('./repository.mjs').Finding} Finding */
/** @typedef {import('./syntax.mjs').Node} Node */
/** @typedef {import('./syntax.mjs').Syntax} Syntax */

const rule = 'docstrings';

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {Finding[]}
 */
export function checkDocstrings(repository) {
  return repository.packages.flatMap(({ sources }) => sources).flatMap((path) => fileFindings(path, repository.syntax(path)));
}

/**
 * @param {string} path
 * @param {Syntax} syntax
 * @returns {Finding[]}
 */
function fileFindings(path, syntax) {
  /** @type {Node[]} */
  const statements = syntax.program['body'];
  /** @type {Finding[]} */
  const findings = [];
  const isIndex = path.endsWith('/src/index.ts');
  if (!isIndex && !/^(#!.*\n)?\/\*\*/.test(syntax.text))
    findings.push({ path, line: 1, rule, advice: 'open with a /** comment: what this file decides, and why' });
  for (const statement of statements) {
    const line = syntax.lineAt(statement.start);
    if (statement.type === 'ExportAllDeclaration') findings.push({ path, line, rule, advice: 'list the names instead of export *' });
    for (const { name, node } of exported(statement, statements)) {
      if (!syntax.hasDocstring(node))
        findings.push({
          path,
          line: syntax.lineAt(node.start),
          rule,
          advice: `say in a /** comment */ what ${name} is, returns or makes true`,
        });
    }
  }
  return findings;
}

/**
 * The names that a statement exports from this file, each with the statement that declares it.
 * @param {Node} statement
 * @param {readonly Node[]} statements
 * @returns {{ name: string, node: Node }[]}
 */
function exported(statement, statements) {
  if (statement.type === 'ExportDefaultDeclaration') return [{ name: 'the default', node: statement }];
  if (statement.type !== 'ExportNamedDeclaration' || statement['source']) return [];
  const declaration = statement['declaration'];
  if (declaration) {
    // Only the first of a function's overloads needs one.
    const names = declaredNames(declaration);
    const first = statements.find(
      (other) => other['declaration'] && declaredNames(other['declaration']).some((name) => names.includes(name)),
    );
    return first === statement ? names.map((name) => ({ name, node: statement })) : [];
  }
  return statement['specifiers'].flatMap((/** @type {Node} */ specifier) => {
    const name = specifier['local'].name;
    const node = statements.find((other) => declaredNames(other).includes(name));
    return node ? [{ name, node }] : [];
  });
}

/**
 * @param {Node} declaration
 * @returns {string[]}
 */
function declaredNames(declaration) {
  if (declaration.type === 'VariableDeclaration')
    return declaration['declarations'].map((/** @type {Node} */ one) => one['id'].name ?? 'these');
  return declaration['id']?.name === undefined ? [] : [declaration['id'].name];
}
