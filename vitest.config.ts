import { defineConfig } from 'vitest/config';

/** `npm run verify` adds what takes too long for every push: it lives in test/verify. */
const verify = process.env['GATEHOUSE_VERIFY'] === '1';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: verify ? [] : ['test/verify/**'],
    testTimeout: verify ? 300_000 : 20_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // One more than the cores of a small machine: many tests wait for something.
    maxWorkers: 3,
  },
});
