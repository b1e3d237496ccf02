/** Jobs for the conformance suite: one module that a worker can import and a simulation can call. */
import { CoterieError } from '@coterie/env';

/** @typedef {import('@coterie/env').JobEnvironment} JobEnvironment */

/**
 * Counts slices into shared memory and returns their number.
 * @param {JobEnvironment} _environment
 * @param {{ slices: number, shared?: Int32Array }} input
 */
export function* count(_environment, { slices, shared }) {
  for (let i = 0; i < slices; i++) {
    if (shared !== undefined) shared[0] = i + 1;
    yield;
  }
  return slices;
}

/**
 * Runs until it is cancelled, then says in shared memory that it cleaned up.
 * @param {JobEnvironment} _environment
 * @param {{ shared: Int32Array }} input
 */
export function* endless(_environment, { shared }) {
  try {
    for (;;) {
      shared[0]++;
      yield;
    }
  } finally {
    shared[1] = 1;
  }
}

/**
 * Writes a file in slices of one byte; says in shared memory whether a `finally` block ran.
 * @param {JobEnvironment} environment
 * @param {{ path: string, bytes: Uint8Array, shared?: Int32Array }} input
 */
export function* write({ files, log }, { path, bytes, shared }) {
  const handle = files.openSync(path, 'create');
  try {
    for (let i = 0; i < bytes.length; i++) {
      handle.writeSync(bytes, i, i + 1, i);
      yield;
    }
    handle.syncSync();
    log.info('written', { bytes: bytes.length });
    return { size: handle.sizeSync() };
  } finally {
    if (shared !== undefined) shared[1] = 1;
    handle.closeSync();
  }
}

/** Fails with a typed error that has details. */
export function* failTyped() {
  yield;
  throw new CoterieError('CORRUPTION', 'bad block', { details: { file: 'table', offset: 7 } });
}

/** Fails with an ordinary error. */
export function* failPlain() {
  yield;
  throw new TypeError('oops');
}

/** Returns what cannot be cloned. */
export function* returnFunction() {
  yield;
  return () => 1;
}

/** In a worker thread its second slice never ends. */
export function* spin() {
  yield;
  for (;;);
}

export const notAFunction = 1;
