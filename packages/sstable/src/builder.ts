/**
 * The writing side, apart from `index.ts`: it loads the `bloom-filters` package, which takes 50 ms or more, so a thread
 * that only reads should not import it.
 */
export type { EntryView } from './block-writer.ts';
export type { Compression } from './format.ts';
export type { TableProperties } from './properties.ts';
export { TableBuilder } from './table-builder.ts';
export type { TableBuilderOptions } from './table-builder.ts';
