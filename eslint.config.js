import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const specs = ['**/*.spec.ts', 'test/**/*.ts'];

const core = 'libs/redis-queue-transport/src/core';
const fromRuntime =
  'Take it from a Runtime (core/process/runtime.ts), so that a simulation can decide it.';
const notFromOutside = (names) => names.map((name) => ({ name, message: fromRuntime }));

export default tseslint.config(
  { ignores: ['**/dist/', '**/node_modules/', 'coverage/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      // Leaves files with decorators alone: what looks like a type there can be constructor injection.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      // Every member of a union has its own case: `default` does not count.
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // Interfaces ask for promises; an implementation need not wait for anything.
      '@typescript-eslint/require-await': 'off',
      // Both forms are in use where each reads better.
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      eqeqeq: 'error',
      'no-restricted-exports': [
        'error',
        {
          restrictDefaultExports: {
            direct: true,
            named: true,
            defaultFrom: true,
            namedFrom: true,
            namespaceFrom: true,
          },
        },
      ],
    },
  },
  {
    // Core takes time, timers and chance from its Runtime alone.
    files: [`${core}/**/*.ts`],
    ignores: [`${core}/**/*.spec.ts`, `${core}/**/*.fake.ts`, `${core}/process/node-runtime.ts`],
    rules: {
      'no-restricted-globals': [
        'error',
        ...notFromOutside([
          'performance',
          'setTimeout',
          'setInterval',
          'setImmediate',
          'clearTimeout',
          'clearInterval',
          'clearImmediate',
          'crypto',
          'globalThis',
          'global',
        ]),
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: notFromOutside(
            ['timers', 'timers/promises', 'perf_hooks', 'crypto'].flatMap((name) => [
              name,
              `node:${name}`,
            ]),
          ),
        },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: fromRuntime },
        { object: 'Math', property: 'random', message: fromRuntime },
        { object: 'process', property: 'hrtime', message: fromRuntime },
        { object: 'process', property: 'uptime', message: fromRuntime },
        { object: 'AbortSignal', property: 'timeout', message: fromRuntime },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: fromRuntime },
      ],
    },
  },
  {
    // What they import is installed by `npm run bench` alone, and without it nothing is known of its types.
    files: ['bench/rivals/**/*.ts'],
    extends: [tseslint.configs.disableTypeChecked],
  },
  {
    // Its runner waits for the promises of its tests.
    files: ['examples/testing/node-test/*.ts'],
    rules: { '@typescript-eslint/no-floating-promises': 'off' },
  },
  {
    files: specs,
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
