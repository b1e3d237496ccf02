/**
 * What the code imports, held against `layers.json`. A package's sources import other packages by name, only along its
 * edges, and every edge is used; `env-node` only in the `index.ts` of the packages that have a default environment, and
 * in those that meet the world anyway. Tests may import any package that their `package.json` names. A relative import
 * stays in its package, but for one case: a contract owns its test suite, so tests may run another package's `test/conformance/`.
 */
import { posix } from 'node:path';

/** @typedef {import('./repository.mjs').Finding} Finding */
/** @typedef {import('./repository.mjs').Package} Package */
/** @typedef {import('./repository.mjs').Repository} Repository */

const rule = 'imports';

/**
 * @param {Repository} repository
 * @returns {Finding[]}
 */
export function checkImports(repository) {
  return repository.packages.flatMap((one) => [
    ...one.sources.flatMap((path) => fileFindings(repository, one, path)),
    ...one.tests.flatMap((path) => fileFindings(repository, one, path)),
    ...unusedEdges(repository, one),
  ]);
}

/**
 * @param {Repository} repository
 * @param {Package} one
 * @param {string} path
 * @returns {Finding[]}
 */
function fileFindings(repository, one, path) {
  return repository
    .syntax(path)
    .moduleUses()
    .flatMap(({ specifier, line }) => {
      const advice = specifier.startsWith('.') ? relativeAdvice(one, path, specifier) : packageAdvice(repository, one, path, specifier);
      return advice === undefined ? [] : [{ path, line, rule, advice }];
    });
}

/**
 * @param {Package} one
 * @param {string} path
 * @param {string} specifier
 */
function relativeAdvice(one, path, specifier) {
  const target = posix.join(posix.dirname(path), specifier);
  const isTest = path.startsWith(`${one.directory}/test/`);
  if (isTest && /^packages\/[^/]+\/test\/conformance\//.test(target)) return undefined;
  if (!target.startsWith(`${one.directory}/`)) return `${specifier} leaves the package; import another package by its name`;
  if (!isTest && !target.startsWith(`${one.directory}/src/`)) return `${specifier} leaves src; sources import sources`;
  return /\.(ts|mjs|json)$/.test(specifier) ? undefined : `name the file: ${specifier}.ts`;
}

/**
 * @param {Repository} repository
 * @param {Package} one
 * @param {string} path
 * @param {string} specifier
 */
function packageAdvice(repository, one, path, specifier) {
  const [, target, rest] = /^@coterie\/([^/]+)(\/.*)?$/.exec(specifier) ?? [];
  if (target === undefined) return undefined;
  if (rest !== undefined && repository.json(`packages/${target}/package.json`).exports?.[`.${rest}`] === undefined) {
    return `${specifier} is not public; import what @coterie/${target} exports`;
  }
  const { edges, defaultEnvironmentIn, ambientAllowedIn } = repository.layers;
  if (path.startsWith(`${one.directory}/test/`)) {
    const { dependencies = {}, devDependencies = {} } = repository.json(`${one.directory}/package.json`);
    const named = { [`@coterie/${one.name}`]: true, ...dependencies, ...devDependencies };
    return `@coterie/${target}` in named ? undefined : `name @coterie/${target} in devDependencies of ${one.directory}/package.json`;
  }
  if (!edges[one.name]?.includes(target)) return `${one.name} may not import ${target}; see layers.json`;
  if (target !== 'env-node' || ambientAllowedIn.includes(one.name)) return undefined;
  const isDefault = defaultEnvironmentIn.includes(one.name) && path === `${one.directory}/src/index.ts`;
  return isDefault
    ? undefined
    : 'take the environment as an argument; only the index.ts of a package named in "defaultEnvironmentIn" imports env-node';
}

/**
 * @param {Repository} repository
 * @param {Package} one
 * @returns {Finding[]}
 */
function unusedEdges(repository, one) {
  const used = new Set(
    one.sources.flatMap((path) =>
      repository
        .syntax(path)
        .moduleUses()
        .map(({ specifier }) => specifier.split('/')[1] ?? ''),
    ),
  );
  const unused = (repository.layers.edges[one.name] ?? []).filter((target) => !used.has(target));
  const line = repository.lineOf('layers.json', `"${one.name}": [`);
  return unused.map((target) => ({
    path: 'layers.json',
    line,
    rule,
    advice: `${one.name} does not import ${target}; remove the edge here, in its package.json and in its tsconfig.json`,
  }));
}
