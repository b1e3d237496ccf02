/**
 * The repository as the checks see it: a set of paths (relative to the root, with `/`) and their texts, read when asked
 * for. Several roots can lie on top of each other, a later one winning: so a test fixture is a good repository and the
 * few files that spoil it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Syntax } from './syntax.mjs';

/**
 * Something to mend, where, and how.
 * @typedef {{ path: string, line: number, rule: string, advice: string }} Finding
 *
 * A package under `packages/`.
 * @typedef {{ name: string, directory: string, sources: readonly string[], tests: readonly string[] }} Package
 *
 * `layers.json`.
 * @typedef {{
 *   layers: { level: number, name: string, packages: string[] }[],
 *   edges: Record<string, string[]>,
 *   defaultEnvironmentIn: string[],
 *   ambientAllowedIn: string[],
 * }} Layers
 */

/** Folders that hold nothing written by hand. */
const made = new Set(['node_modules', 'dist', '.git', '.turbo', '.cache', 'coverage', 'coterie-data', 'results', 'api']);

/**
 * Paths of all files that are in git or could be added; where there is no git, of all files outside made folders. Files
 * below `fixtures` are wrong on purpose.
 * @param {string} root
 * @returns {string[]}
 */
function listFiles(root) {
  const { status, stdout } = spawnSync('git', ['ls-files', '-coz', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  const paths = status === 0 ? stdout.split('\0').filter((path) => path !== '' && existsSync(join(root, path))) : walkFolder(root, '');
  return paths.filter((path) => !/(^|\/)fixtures\//.test(path));
}

/**
 * @param {string} root
 * @param {string} directory
 * @returns {string[]}
 */
function walkFolder(root, directory) {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
    if (entry.isDirectory()) return made.has(entry.name) ? [] : walkFolder(root, path);
    return [path];
  });
}

/** A read-only view of the repository's files. */
export class Repository {
  /** @type {Map<string, string>} path → root that holds it */
  #roots = new Map();
  /** @type {Map<string, Syntax>} */
  #syntax = new Map();
  /** @type {readonly string[]} every path, sorted */
  paths;
  /** @type {readonly Package[]} */
  packages;

  /** @param {readonly string[]} roots */
  constructor(roots) {
    for (const root of roots) for (const path of listFiles(root)) this.#roots.set(path, root);
    this.paths = [...this.#roots.keys()].sort();
    const names = new Set(this.paths.flatMap((path) => /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1] ?? []));
    this.packages = [...names].map((name) => this.#package(name));
  }

  /**
   * @param {string} name
   * @returns {Package}
   */
  #package(name) {
    const directory = `packages/${name}`;
    const typescript = this.paths.filter((path) => path.startsWith(`${directory}/`) && path.endsWith('.ts'));
    const sources = typescript.filter((path) => path.startsWith(`${directory}/src/`));
    const tests = typescript.filter((path) => path.startsWith(`${directory}/test/`));
    return { name, directory, sources, tests };
  }

  /**
   * Whether a file or a folder of that path exists.
   * @param {string} path
   */
  has(path) {
    if (this.#roots.has(path)) return true;
    const folder = path.endsWith('/') ? path : `${path}/`;
    return this.paths.some((other) => other.startsWith(folder));
  }

  /**
   * The text of a file; empty if there is none.
   * @param {string} path
   */
  text(path) {
    const root = this.#roots.get(path);
    return root !== undefined && existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '';
  }

  /**
   * A JSON file's value; an empty object if there is no file.
   * @param {string} path
   * @returns {any}
   */
  json(path) {
    return JSON.parse(this.text(path) || '{}');
  }

  /** @returns {Layers} */
  get layers() {
    return { layers: [], edges: {}, defaultEnvironmentIn: [], ambientAllowedIn: [], ...this.json('layers.json') };
  }

  /**
   * A parsed TypeScript or JavaScript file.
   * @param {string} path
   */
  syntax(path) {
    const known = this.#syntax.get(path) ?? new Syntax(path, this.text(path));
    this.#syntax.set(path, known);
    return known;
  }

  /**
   * The line (from 1) on which `needle` first stands in a file; 1 when it does not.
   * @param {string} path
   * @param {string} needle
   */
  lineOf(path, needle) {
    const at = this.text(path).indexOf(needle);
    return at < 0 ? 1 : this.text(path).slice(0, at).split('\n').length;
  }
}

/**
 * @param {readonly string[]} roots absolute folders, later ones on top
 * @returns {Repository}
 */
export function loadRepository(roots) {
  return new Repository(roots);
}
