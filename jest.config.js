/** @type {import('jest').Config} */
export default {
  testEnvironment: '<rootDir>/jest.environment.js',
  testMatch: [
    '<rootDir>/libs/**/src/**/*.spec.ts',
    '<rootDir>/apps/**/src/**/*.spec.ts',
    '<rootDir>/test/**/*.spec.ts',
    '<rootDir>/examples/testing/jest/*.spec.ts',
  ],
  // The build puts copies of package names and of specs there.
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/(libs|apps)/[^/]+/dist/'],
  globalSetup: '<rootDir>/jest.global-setup.js',
  setupFilesAfterEnv: ['<rootDir>/test/support/refuse-long-comparisons.ts'],
  // Ours comes first, and lists what failed at the end, where Jest would print all of it again.
  reporters: ['<rootDir>/jest.reporter.js', 'default', ['summary', { summaryThreshold: Infinity }]],
  maxWorkers: 2,
  // What a spec file imported stays in memory; a new process begins with none of it.
  workerIdleMemoryLimit: '1GB',
  // Some tests start processes and wait for them.
  testTimeout: 30_000,

  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    // Sources name the compiled file, as Node wants it; the tests run on the TypeScript.
    '^(\\.{1,2}/.*)\\.js$': ['$1.ts', '$1.js'],
    '^nestjs-redis-queue-transport$': '<rootDir>/libs/redis-queue-transport/src/index.ts',
    '^nestjs-redis-queue-transport/msgpack$': '<rootDir>/libs/redis-queue-transport/src/msgpack.ts',
    '^nestjs-redis-queue-transport/terminus$':
      '<rootDir>/libs/redis-queue-transport/src/terminus/index.ts',
    '^nestjs-redis-queue-transport/otel$': '<rootDir>/libs/redis-queue-transport/src/otel/index.ts',
    '^nestjs-redis-queue-transport/bull-board$':
      '<rootDir>/libs/redis-queue-transport/src/bull-board/index.ts',
    '^nestjs-redis-queue-transport/testing$':
      '<rootDir>/libs/redis-queue-transport/src/testing/index.ts',
    '^local-redis$': '<rootDir>/libs/local-redis/src/index.ts',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: {
            legacyDecorator: true,
            decoratorMetadata: true,
            verbatimModuleSyntax: true,
          },
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
};
