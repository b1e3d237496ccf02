/**
 * Ambient nothing: in `packages/<name>/src`, outside the packages that `layers.json` lists under "ambientAllowedIn", code reads no
 * clock, draws no randomness, sets no timer, opens no file or socket, and depends on nothing that garbage collection or
 * another thread decides. All of that comes through `Environment`, so that the simulator can replay it.
 *
 * A name that the file itself declares anywhere is taken for the file's own.
 */
import { builtinModules } from 'node:module';
import { walk } from './syntax.mjs';

/** @typedef {import('./repository.mjs').Finding} Finding */
/** @typedef {import('./syntax.mjs').Node} Node */
/** @typedef {import('./syntax.mjs').ModuleUse} ModuleUse */

const rule = 'ambient';

const useClock = 'take environment.clock';
const useTimers = 'take environment.timers';
const useFiles = 'take environment.files';
const useRandom = 'take environment.random';
const useLog = 'take environment.log';
const collected = 'release by name (close, release), never when the collector gets to it';

/** Global name → what to use instead. @type {Readonly<Record<string, string>>} */
const globals = {
  Date: useClock,
  performance: useClock,
  setTimeout: useTimers,
  setInterval: useTimers,
  setImmediate: useTimers,
  clearTimeout: useTimers,
  clearInterval: useTimers,
  clearImmediate: useTimers,
  process: 'take what you need as an argument; the server reads the process',
  crypto: useRandom,
  console: useLog,
  fetch: 'take a Network',
  WebSocket: 'take a Network',
  Worker: 'take environment.jobs',
  BroadcastChannel: 'take environment.jobs',
  WeakRef: collected,
  FinalizationRegistry: collected,
  globalThis: 'name what you use of it',
  require: 'import it',
};

/** `object.member` → what to use instead. @type {Readonly<Record<string, string>>} */
const members = {
  'Math.random': useRandom,
  'Atomics.wait': 'take environment.jobs; wait there',
  'Atomics.waitAsync': 'take environment.jobs; wait there',
};

/** The builtin modules that are pure enough, and the names that may be imported from them. */
const pureImports = new Map([
  ['zlib', /^(crc32|constants|\w+Sync)$/],
  ['crypto', /^(createHash|createHmac|hash|timingSafeEqual|(hkdf|pbkdf2|scrypt)Sync)$/],
  ['buffer', /./],
  ['util', /./],
]);

/**
 * @param {import('./repository.mjs').Repository} repository
 * @returns {Finding[]}
 */
export function checkAmbient(repository) {
  const { ambientAllowedIn } = repository.layers;
  return repository.packages
    .filter(({ name }) => !ambientAllowedIn.includes(name))
    .flatMap(({ sources }) => sources)
    .flatMap((path) => {
      const syntax = repository.syntax(path);
      const imports = syntax.moduleUses().flatMap((use) => importFindings(use));
      const names = nameFindings(syntax.program).map(({ node, advice }) => ({ line: syntax.lineAt(node.start), advice }));
      return [...imports, ...names].map(({ line, advice }) => ({ path, line, rule, advice }));
    });
}

/** @param {ModuleUse} use */
function importFindings({ specifier, line, node }) {
  const name = specifier.replace(/^node:/, '');
  if (!specifier.startsWith('node:') && !builtinModules.includes(name)) return [];
  const pure = pureImports.get(name);
  if (pure === undefined)
    return [{ line, advice: `no ${specifier} here; ${/^(fs|path)/.test(name) ? useFiles : 'take it from the Environment'}` }];
  if (node['importKind'] === 'type') return [];
  /** @type {Node[]} */
  const specifiers = node['specifiers'] ?? [];
  if (specifiers.length === 0) return [{ line, advice: `import the names that you use of ${specifier}` }];
  return specifiers.flatMap((one) => {
    if (one.type !== 'ImportSpecifier') return [{ line, advice: `import the names that you use of ${specifier}, one by one` }];
    const imported = one['imported'].name;
    return pure.test(imported) ? [] : [{ line, advice: `no ${imported} here: only what answers at once and draws no randomness` }];
  });
}

/**
 * Uses of forbidden globals.
 * @param {Node} program
 */
function nameFindings(program) {
  const declared = declaredNames(program);
  /** @type {{ node: Node, advice: string }[]} */
  const findings = [];
  walk(program, (node, parent, field) => {
    if (node.type === 'MemberExpression') {
      const advice = members[`${node['object'].name}.${memberName(node)}`];
      if (advice !== undefined) findings.push({ node, advice: `no ${node['object'].name}.${memberName(node)} here; ${advice}` });
    }
    if (node.type !== 'Identifier' || declared.has(node['name']) || !Object.hasOwn(globals, node['name'])) return;
    if (isReference(parent, field)) findings.push({ node, advice: `no ${node['name']} here; ${globals[node['name']]}` });
  });
  return findings;
}

/** @param {Node} node a MemberExpression */
function memberName(node) {
  return node['computed'] ? node['property'].value : node['property'].name;
}

/**
 * Whether an identifier in that place stands for a value, not for a property, a key or a type.
 * @param {Node | undefined} parent
 * @param {string} field
 */
function isReference(parent, field) {
  if (parent === undefined || parent.type.startsWith('TS'))
    return /^TS(AsExpression|NonNullExpression|SatisfiesExpression)$/.test(parent?.type ?? '');
  if (field === 'property') return parent['computed'] === true;
  if (field === 'key') return parent['computed'] === true || parent['shorthand'] === true;
  return field !== 'label';
}

/**
 * Every name that the file binds: imports, variables, functions, classes, parameters.
 * @param {Node} program
 */
function declaredNames(program) {
  /** @type {Set<string>} */
  const names = new Set();
  walk(program, (node, parent, field) => {
    if (node.type !== 'Identifier' || parent === undefined) return;
    const isBinding =
      (field === 'id' && /^(VariableDeclarator|FunctionDeclaration|FunctionExpression|ClassDeclaration)$/.test(parent.type)) ||
      field === 'params' ||
      field === 'local' ||
      field === 'param' ||
      (field === 'left' && parent.type === 'AssignmentPattern') ||
      (field === 'elements' && parent.type === 'ArrayPattern');
    if (isBinding) names.add(node['name']);
  });
  return names;
}
