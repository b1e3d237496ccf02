/**
 * Writes a reference page per package into `docs/api/` (not kept in git): every name that its `index.ts` exports, with
 * its declaration and docstring, as the sources have them. Links and paths of the written documents are checked by tidy.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadRepository } from './tidy/repository.mjs';

/** @typedef {import('./tidy/syntax.mjs').Node} Node */
/** @typedef {import('./tidy/syntax.mjs').Syntax} Syntax */
/** @typedef {{ name: string, path: string, docstring: string, declaration: string }} Entry */

const root = fileURLToPath(new URL('..', import.meta.url));
const repository = loadRepository([root]);

/**
 * The statement of a file that declares a name, itself or inside an `export`.
 * @param {Syntax} syntax
 * @param {string} name
 * @returns {Node | undefined}
 */
function declarationOf(syntax, name) {
  /** @type {Node[]} */
  const statements = syntax.program['body'];
  return statements.find((statement) => {
    const declaration = statement['declaration'] ?? statement;
    const ids =
      declaration.type === 'VariableDeclaration' ? declaration.declarations.map((/** @type {Node} */ one) => one['id']) : [declaration.id];
    return ids.some((/** @type {Node | undefined} */ id) => id?.['name'] === name);
  });
}

/**
 * A doc comment's text without its stars.
 * @param {string} comment
 */
function plain(comment) {
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\*? ?/, ''));
  return lines.join('\n').trim();
}

/**
 * The docstring right above a node.
 * @param {Syntax} syntax
 * @param {Node} node
 */
function docstringOf(syntax, node) {
  const above = syntax.comments.find((comment) => comment.end <= node.start && syntax.text.slice(comment.end, node.start).trim() === '');
  return above?.value.startsWith('*') ? plain(above.value.slice(1)) : '';
}

/**
 * A declaration without what is nobody else's business: bodies, initial values and private members.
 * @param {Syntax} syntax
 * @param {Node} statement
 * @returns {string}
 */
function signatureOf(syntax, statement) {
  const declaration = statement['declaration'] ?? statement;
  const upTo = (/** @type {number} */ end) => syntax.text.slice(statement.start, end).trim();
  if (declaration.type === 'FunctionDeclaration') return `${upTo(declaration.body.start)};`;
  if (declaration.type !== 'ClassDeclaration') return upTo(statement.end);
  /** @type {Node[]} */
  const members = declaration.body.body;
  const shown = members.filter((member) => member['key']?.type !== 'PrivateIdentifier' && member['accessibility'] !== 'private');
  const lines = shown.map((member) => {
    const docstring = docstringOf(syntax, member);
    const end = member['value']?.body?.start ?? member['value']?.start ?? member.end;
    const signature = syntax.text.slice(member.start, end).trim().replace(/\s*=$/, '').replace(/;$/, '');
    return `${docstring === '' ? '' : `  // ${docstring.replaceAll('\n', '\n  // ')}\n`}  ${signature};`;
  });
  return `${upTo(declaration.body.start)} {\n${lines.join('\n')}\n}`;
}

/**
 * Follows a name from the file that exports it to the one that declares it.
 * @param {string} path
 * @param {string} name
 * @returns {Entry | undefined}
 */
function entryOf(path, name) {
  const syntax = repository.syntax(path);
  const statement = declarationOf(syntax, name);
  if (statement) return { name, path, docstring: docstringOf(syntax, statement), declaration: signatureOf(syntax, statement) };
  return exportsOf(path).find((entry) => entry.name === name);
}

/**
 * What a file exports, in its order.
 * @param {string} path
 * @returns {Entry[]}
 */
function exportsOf(path) {
  /** @type {Node[]} */
  const statements = repository.syntax(path).program['body'];
  return statements.flatMap((statement) => {
    if (statement.type !== 'ExportNamedDeclaration') return [];
    const from = statement['source'] ? posix.join(posix.dirname(path), statement['source'].value) : path;
    const declared = statement['declaration']?.id?.name ?? statement['declaration']?.declarations?.[0].id.name;
    const names = declared ? [declared] : statement['specifiers'].map((/** @type {Node} */ one) => one['local'].name);
    return names.flatMap((/** @type {string} */ name) => (from === path && !declared ? [] : (entryOf(from, name) ?? [])));
  });
}

mkdirSync(`${root}docs/api`, { recursive: true });
for (const { name, directory } of repository.packages) {
  const entries = exportsOf(`${directory}/src/index.ts`);
  const sections = entries.map(
    (entry) =>
      `## ${entry.name}\n\n${entry.docstring}\n\n\`\`\`typescript\n${entry.declaration}\n\`\`\`\n\n[${entry.path}](../../${entry.path})\n`,
  );
  const { description } = repository.json(`${directory}/package.json`);
  writeFileSync(
    `${root}docs/api/${name}.md`,
    `# @coterie/${name}\n\n${description}. [README](../../${directory}/README.md)\n\n${sections.join('\n')}`,
  );
  console.log(`docs/api/${name}.md: ${entries.length} names`);
}
