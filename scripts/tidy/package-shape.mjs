/**
 * What every package has: a README with an example that can run, one public `src/index.ts`, tests, and a manifest that a
 * registry can use. No file is called by a name that says nothing.
 */

/** @typedef {import('./repository.mjs').Finding} Finding */
/** @typedef {import('./repository.mjs').Package} Package */
/** @typedef {import('./repository.mjs').Repository} Repository */

const rule = 'package-shape';
const emptyNames = /(^|[/-])(utils?|helpers?|common|misc|manager)(?=[/.-])/;

/**
 * @param {Repository} repository
 * @returns {Finding[]}
 */
export function checkPackageShape(repository) {
  const named = repository.paths.filter((path) => /^(packages|scripts|benchmarks)\//.test(path) && emptyNames.test(path));
  return [
    ...repository.packages.flatMap((one) => [...fileFindings(repository, one), ...manifestFindings(repository, one)]),
    ...named.map((path) => ({ path, line: 1, rule, advice: 'name the file after the one idea in it' })),
  ];
}

/**
 * @param {Repository} repository
 * @param {Package} one
 * @returns {Finding[]}
 */
function fileFindings(repository, { directory, sources, tests }) {
  const readme = `${directory}/README.md`;
  const wanted = [
    { met: repository.has(readme), path: directory, advice: 'write README.md: what, one example, guarantees, non-goals' },
    { met: !repository.has(readme) || /^```ts$/m.test(repository.text(readme)), path: readme, advice: 'show one ```ts example that runs' },
    { met: sources.includes(`${directory}/src/index.ts`), path: directory, advice: 'write src/index.ts: the list of public names' },
    { met: tests.some((path) => path.endsWith('.test.ts')), path: directory, advice: 'write tests in test/*.test.ts' },
  ];
  return wanted.filter(({ met }) => !met).map(({ path, advice }) => ({ path, line: 1, rule, advice }));
}

/**
 * @param {Repository} repository
 * @param {Package} one
 * @returns {Finding[]}
 */
function manifestFindings(repository, { directory, name }) {
  const path = `${directory}/package.json`;
  const root = repository.json('package.json');
  const manifest = repository.json(path);
  const wanted = [
    { met: manifest.name === `@coterie/${name}`, advice: `"name": "@coterie/${name}"` },
    { met: typeof manifest.description === 'string' && manifest.description.length > 10, advice: '"description": what it is, in a line' },
    { met: manifest.version === root.version, advice: `"version": "${root.version}", as at the root` },
    { met: manifest.license === root.license, advice: `"license": "${root.license}"` },
    { met: manifest.type === 'module', advice: '"type": "module"' },
    { met: manifest.engines?.node === root.engines?.node, advice: `"engines": { "node": "${root.engines?.node}" }` },
    { met: manifest.exports?.['.']?.types !== undefined, advice: '"exports" with "." and its "types"' },
    { met: Array.isArray(manifest.files) && manifest.files.includes('dist'), advice: '"files" with "dist"' },
    {
      met: typeof manifest.scripts?.build === 'string' && typeof manifest.scripts.test === 'string',
      advice: '"scripts" with "build" and "test"',
    },
    { met: Object.keys(manifest.scripts ?? {}).every((script) => !/^(pre|post)?install$/.test(script)), advice: 'no install scripts' },
  ];
  return wanted.filter(({ met }) => !met).map(({ advice }) => ({ path, line: 1, rule, advice: `set ${advice}` }));
}
