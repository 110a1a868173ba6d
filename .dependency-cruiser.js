/**
 * Which file may import which, beyond what a single file shows: circles, and the layers of the library
 * (`nest → core ← redis`, composed in `open-broker.ts`; `core ← memory`). docs/architecture.md says why.
 */
const SOURCES = 'libs/redis-queue-transport/src';
/** Each is exported under its own name, for a foreign library that is an optional peer. */
const ENTRY_POINTS = 'otel|terminus|bull-board|cli|testing';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circles-between-files',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-circles-between-rooms',
      comment:
        'A room that needs another and is needed by it is one room, or holds a file of a third.',
      severity: 'error',
      scope: 'folder',
      from: {},
      to: { circular: true },
    },
    {
      name: 'core-knows-nothing-outside',
      severity: 'error',
      from: { path: `^${SOURCES}/core/` },
      to: { pathNot: `^${SOURCES}/core/`, dependencyTypesNot: ['core'] },
    },
    {
      name: 'redis-knows-core-and-ioredis',
      severity: 'error',
      from: { path: `^${SOURCES}/redis/` },
      to: {
        pathNot: [`^${SOURCES}/(core|redis)/`, 'node_modules/ioredis/'],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'memory-knows-core-alone',
      severity: 'error',
      from: { path: `^${SOURCES}/memory/` },
      to: { pathNot: `^${SOURCES}/(core|memory)/`, dependencyTypesNot: ['core'] },
    },
    {
      name: 'nest-does-not-import-redis',
      severity: 'error',
      from: { path: `^${SOURCES}/nest/` },
      to: { path: `^${SOURCES}/redis/` },
    },
    {
      name: 'nest-knows-ioredis-by-its-types',
      severity: 'error',
      from: { path: `^${SOURCES}/nest/` },
      to: { path: 'node_modules/ioredis/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'entry-points-stand-alone',
      comment: 'Nobody loads an integration, and the library that it is for, without importing it.',
      severity: 'error',
      from: { path: `^${SOURCES}/`, pathNot: `^${SOURCES}/(${ENTRY_POINTS})/` },
      to: { path: `^${SOURCES}/(${ENTRY_POINTS})/` },
    },
    {
      name: 'entry-points-do-not-share',
      comment: 'Whoever imports one needs the foreign library of that one alone.',
      severity: 'error',
      from: { path: `^${SOURCES}/(${ENTRY_POINTS})/` },
      to: { path: `^${SOURCES}/(${ENTRY_POINTS})/`, pathNot: `^${SOURCES}/$1/` },
    },
    {
      name: 'opentelemetry-is-optional',
      severity: 'error',
      from: { path: `^${SOURCES}/`, pathNot: `^${SOURCES}/otel/` },
      to: { path: 'node_modules/@opentelemetry/' },
    },
    {
      name: 'bull-board-is-optional',
      severity: 'error',
      from: { path: `^${SOURCES}/`, pathNot: `^${SOURCES}/bull-board/` },
      to: { path: 'node_modules/@bull-board/' },
    },
    {
      name: 'terminus-is-optional',
      severity: 'error',
      from: { path: `^${SOURCES}/`, pathNot: `^${SOURCES}/terminus/` },
      to: { path: 'node_modules/@nestjs/terminus/' },
    },
    {
      name: 'nestjs-testing-is-optional',
      severity: 'error',
      from: { path: `^${SOURCES}/`, pathNot: [`^${SOURCES}/testing/`] },
      to: { path: 'node_modules/@nestjs/testing/' },
    },
    {
      name: 'only-index-imports-nest',
      severity: 'error',
      from: {
        path: `^${SOURCES}/`,
        pathNot: [`^${SOURCES}/(nest/|index[.]ts$)`],
      },
      to: { path: `^${SOURCES}/nest/` },
    },
    {
      name: 'only-testing-imports-memory',
      comment: 'Nothing that runs in production loads it.',
      severity: 'error',
      from: { path: `^${SOURCES}/`, pathNot: `^${SOURCES}/(memory|testing)/` },
      to: { path: `^${SOURCES}/memory/` },
    },
    {
      name: 'only-open-broker-imports-redis',
      severity: 'error',
      from: {
        path: `^${SOURCES}/`,
        pathNot: [`^${SOURCES}/(redis/|open-broker[.]ts$)`],
      },
      to: { path: `^${SOURCES}/redis/`, dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '[.]spec[.]ts$' },
    // Imports of types count too: who reads one file reads the other.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node'],
    },
  },
};
