/**
 * Direction is data: `layers.json` names every package, its level, and the packages that it may import. This check holds
 * the plan itself together (no edge up, no circle, nothing unlisted) and each package's `dependencies` and TypeScript
 * `references` equal to its edges. What the code imports is `imports.mjs`'s business.
 */

/** @typedef {import('./repository.mjs').Finding} Finding */
/** @typedef {import('./repository.mjs').Repository} Repository */
/** @typedef {import('./repository.mjs').Layers} Layers */

const rule = 'layers';

/**
 * @param {Repository} repository
 * @returns {Finding[]}
 */
export function checkLayers(repository) {
  const layers = repository.layers;
  return [...planFindings(repository, layers), ...repository.packages.flatMap(({ name }) => packageFindings(repository, layers, name))];
}

/**
 * @param {Repository} repository
 * @param {Layers} layers
 * @returns {Finding[]}
 */
function planFindings(repository, layers) {
  /** @param {string} name @param {string} advice @returns {Finding} */
  const finding = (name, advice) => ({ path: 'layers.json', line: repository.lineOf('layers.json', `"${name}": [`), rule, advice });
  /** @param {string} name */
  const levelOf = (name) => layers.layers.find((layer) => layer.packages.includes(name))?.level ?? Number.NaN;
  const findings = [];
  for (const { name } of repository.packages) {
    if (Number.isNaN(levelOf(name))) findings.push(finding(name, `put ${name} into a layer`));
    if (!(name in layers.edges)) findings.push(finding(name, `list what ${name} may import under "edges"`));
  }
  for (const [from, targets] of Object.entries(layers.edges)) {
    for (const to of targets) {
      if (!(to in layers.edges)) findings.push(finding(from, `${from} names ${to}, which is no package; remove it`));
      else if (levelOf(to) > levelOf(from))
        findings.push(finding(from, `${from} may not import ${to} from a higher layer; move what it needs down`));
      else if (reaches(layers, to, from)) findings.push(finding(from, `${from} and ${to} import each other; break the circle`));
    }
  }
  return findings;
}

/**
 * Whether `to` can be reached from `from` along edges.
 * @param {Layers} layers
 * @param {string} from
 * @param {string} to
 */
function reaches(layers, from, to) {
  const seen = new Set([from]);
  for (const name of seen) for (const next of layers.edges[name] ?? []) seen.add(next);
  return seen.has(to);
}

/**
 * @param {Repository} repository
 * @param {Layers} layers
 * @param {string} name
 * @returns {Finding[]}
 */
function packageFindings(repository, layers, name) {
  const manifestPath = `packages/${name}/package.json`;
  const projectPath = `packages/${name}/tsconfig.json`;
  const allowed = layers.edges[name] ?? [];
  const dependencies = Object.keys(repository.json(manifestPath).dependencies ?? {}).flatMap(
    (full) => /^@coterie\/(.+)/.exec(full)?.[1] ?? [],
  );
  /** @type {{ path: string }[]} */
  const references = repository.json(projectPath).references ?? [];
  const referenced = references.map(({ path }) => path.replace(/^\.\.\//, ''));
  return [
    ...differences(allowed, dependencies).map((advice) => ({
      path: manifestPath,
      line: repository.lineOf(manifestPath, '"dependencies"'),
      rule,
      advice: `dependencies: ${advice}`,
    })),
    ...differences(allowed, referenced).map((advice) => ({
      path: projectPath,
      line: repository.lineOf(projectPath, '"references"'),
      rule,
      advice: `references: ${advice}`,
    })),
  ];
}

/**
 * What to do to make `actual` equal `allowed`.
 * @param {readonly string[]} allowed
 * @param {readonly string[]} actual
 */
function differences(allowed, actual) {
  return [
    ...actual.filter((name) => !allowed.includes(name)).map((name) => `remove ${name}, or allow the edge in layers.json`),
    ...allowed.filter((name) => !actual.includes(name)).map((name) => `add ${name}, or remove the edge from layers.json`),
  ];
}
