import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const library = 'libs/redis-queue-transport/src';
const specs = ['**/*.spec.ts', 'test/**/*.ts'];

/** Import patterns of the layer rules: `regex` is matched against the specifier as it is written. */
const layer = {
  redis: {
    regex: String.raw`^(\.\.?/)+redis(/|\.js$)`,
    message:
      'Only src/open-broker.ts may import the redis layer; depend on the interfaces of core.',
  },
  nest: {
    regex: String.raw`^(\.\.?/)+nest(/|\.js$)`,
    message: 'Only src/index.ts may import the nest layer; dependencies point towards core.',
  },
  composition: {
    regex: String.raw`^(\.\./)+(index|open-broker)\.js$`,
    message: 'Core and redis are composed in src/open-broker.ts and know nothing of it.',
  },
  ioredis: { regex: '^ioredis(/|$)', message: 'Only the redis layer talks to ioredis.' },
  ioredisTypesOnly: {
    regex: '^ioredis(/|$)',
    allowTypeImports: true,
    message: 'Only the redis layer talks to ioredis; types alone may be imported.',
  },
  rxjs: { regex: '^rxjs(/|$)', message: 'Only the nest layer knows rxjs.' },
  nestPackages: { regex: '^@nestjs/', message: 'Only the nest layer knows Nest.' },
};

function layerRule(files, patterns, ignores = []) {
  return {
    files,
    ignores: ['**/*.spec.ts', ...ignores],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
  };
}

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
    // What they import is installed by `npm run bench` alone, and without it nothing is known of its types.
    files: ['bench/rivals/**/*.ts'],
    extends: [tseslint.configs.disableTypeChecked],
  },
  {
    files: specs,
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },

  // Layers of the library: nest → core ← redis, composed in open-broker.ts.
  layerRule(
    [`${library}/core/**/*.ts`],
    [layer.redis, layer.nest, layer.composition, layer.ioredis, layer.rxjs, layer.nestPackages],
  ),
  layerRule(
    [`${library}/redis/**/*.ts`],
    [layer.nest, layer.composition, layer.rxjs, layer.nestPackages],
  ),
  layerRule([`${library}/nest/**/*.ts`], [layer.redis, layer.ioredisTypesOnly]),
  layerRule(
    [`${library}/**/*.ts`],
    [{ ...layer.redis, allowTypeImports: true }, layer.ioredisTypesOnly],
    [`${library}/{core,redis,nest}/**`, `${library}/open-broker.ts`],
  ),
);
