import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/fixtures/**'],
    pool: 'threads',
    maxWorkers: '100%',
    reporters: ['default', './scripts/count-reporter.mjs'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
