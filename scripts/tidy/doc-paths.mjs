/**
 * Every path that a document names exists: the target of each relative link, and each `code span` that looks like a path
 * of this repository. Links name files, never line numbers, which are wrong by the next change; a link to a heading
 * names one that is there. Fenced code blocks are not looked at.
 */
import { posix } from 'node:path';

/** @typedef {import('./repository.mjs').Finding} Finding */
/** @typedef {import('./repository.mjs').Repository} Repository */

const rule = 'doc-paths';

/** A code span is taken for a path when it begins with one of the root's folders, or with ./ or ../ and ends in a known suffix. */
const pathSpan = /^((packages|docs|scripts|benchmarks|\.ci)\/[\w@./*{},-]*|\.{1,2}\/[\w./-]+\.(ts|mjs|md|json)|[\w-]+\.md)$/;

/**
 * @param {Repository} repository
 * @returns {Finding[]}
 */
export function checkDocPaths(repository) {
  return repository.paths.filter((path) => path.endsWith('.md')).flatMap((path) => pageFindings(repository, path));
}

/**
 * @param {Repository} repository
 * @param {string} path
 * @returns {Finding[]}
 */
function pageFindings(repository, path) {
  /** @type {Finding[]} */
  const findings = [];
  let inFence = false;
  for (const [i, text] of repository.text(path).split('\n').entries()) {
    if (/^ *(```|~~~)/.test(text)) inFence = !inFence;
    if (inFence) continue;
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => linkAdvice(repository, path, match[1] ?? ''));
    const spans = [...text.matchAll(/`([^`]+)`/g)].map((match) => spanAdvice(repository, path, match[1] ?? ''));
    for (const advice of [...links, ...spans]) if (advice !== undefined) findings.push({ path, line: i + 1, rule, advice });
  }
  return findings;
}

/**
 * @param {Repository} repository
 * @param {string} page
 * @param {string} link
 */
function linkAdvice(repository, page, link) {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [file = '', anchor] = link.split('#');
  if (/^L\d+/.test(anchor ?? '')) return `${link}: link the file, not a line of it`;
  const target = file === '' ? page : posix.join(posix.dirname(page), decodeURI(file));
  if (!repository.has(target)) return `${link}: there is no ${target}`;
  if (anchor === undefined || !target.endsWith('.md')) return undefined;
  return headings(repository.text(target)).includes(anchor) ? undefined : `${link}: ${target} has no heading with that anchor`;
}

/**
 * @param {Repository} repository
 * @param {string} page
 * @param {string} span
 */
function spanAdvice(repository, page, span) {
  if (!pathSpan.test(span)) return undefined;
  const candidates = [span, posix.join(posix.dirname(page), span)].map((path) => posix.normalize(path));
  if (candidates.some((path) => exists(repository, path))) return undefined;
  return `\`${span}\` names a path that does not exist`;
}

/**
 * Whether a path, or at least one that fits its `*` and `{a,b}`, exists.
 * @param {Repository} repository
 * @param {string} path
 */
function exists(repository, path) {
  if (!/[*{]/.test(path)) return repository.has(path);
  const pattern = path
    .replace(/\/$/, '')
    .replace(/[.]/g, '\\.')
    .replace(/\*\*\/|\*/g, (stars) => (stars === '*' ? '[^/]*' : '(.*/)?'))
    .replace(/\{([^}]*)\}/g, (_, names) => `(${names.replaceAll(',', '|')})`);
  const expression = new RegExp(`^${pattern}(/|$)`);
  return repository.paths.some((other) => expression.test(other));
}

/**
 * The anchors of a page's headings, as GitHub makes them.
 * @param {string} text
 */
function headings(text) {
  return [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
