import type { Json } from './project-files.js';

type Options = Readonly<Record<string, Json>>;

/** What `nest new` writes, except for what differs between the projects, and with all libraries checked. */
const BASE: Options = {
  target: 'ES2023',
  esModuleInterop: true,
  isolatedModules: true,
  emitDecoratorMetadata: true,
  experimentalDecorators: true,
  strict: true,
  strictPropertyInitialization: false,
  skipLibCheck: false,
  types: ['node'],
};

/** TypeScript's ways to resolve imports of an ES module. */
const resolutions = {
  node16: { module: 'node16', moduleResolution: 'node16' },
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
};

export type Resolution = keyof typeof resolutions;

/** Checks the files of a folder, and emits nothing. */
export function checkingTsconfig(resolution: Resolution, isExact: boolean, include: string): Json {
  const options = { noEmit: true, exactOptionalPropertyTypes: isExact };
  return {
    compilerOptions: { ...BASE, ...resolutions[resolution], ...options },
    include: [include],
  };
}

/** Compiles `src` to `dist`. */
export function buildingTsconfig(options: Options = {}): Json {
  const places = { rootDir: './src', outDir: './dist' };
  return {
    compilerOptions: { ...BASE, ...resolutions.nodenext, ...places, ...options },
    include: ['src'],
  };
}
