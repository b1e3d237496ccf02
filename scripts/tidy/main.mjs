/**
 * Holds the repository to its style: runs every check, prints `file:line: rule: what to do instead`, and ends with one
 * line, `N passed, N failed`, counting checks. A check is a pure function from a repository to its findings.
 */
import { fileURLToPath } from 'node:url';
import { countLine } from '../count.mjs';
import { checks } from './checks.mjs';
import { loadRepository } from './repository.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const repository = loadRepository([root]);

let failed = 0;
for (const check of checks) {
  const findings = check(repository);
  if (findings.length > 0) failed++;
  for (const { path, line, rule, advice } of findings) console.log(`${path}:${line}: ${rule}: ${advice}`);
}
console.log(countLine({ passed: checks.length - failed, failed }));
process.exitCode = failed === 0 ? 0 : 1;
