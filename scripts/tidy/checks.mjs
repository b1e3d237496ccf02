/** The list of all checks, in the order they are reported. */
import { checkAmbient } from './ambient.mjs';
import { checkDocPaths } from './doc-paths.mjs';
import { checkDocstrings } from './docstrings.mjs';
import { checkErrorCodes } from './error-codes.mjs';
import { checkImports } from './imports.mjs';
import { checkLayers } from './layers.mjs';
import { checkPackageShape } from './package-shape.mjs';
import { checkSize } from './size.mjs';
import { checkSkippedTests } from './skipped-tests.mjs';

/** @type {readonly ((repository: import('./repository.mjs').Repository) => import('./repository.mjs').Finding[])[]} */
export const checks = [
  checkLayers,
  checkImports,
  checkAmbient,
  checkSize,
  checkDocstrings,
  checkPackageShape,
  checkErrorCodes,
  checkDocPaths,
  checkSkippedTests,
];
