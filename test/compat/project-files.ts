import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The files of a project: texts and JSON by their path, and copies of files of this repository. */
export interface ProjectFiles {
  readonly json?: Readonly<Record<string, Json>>;
  readonly text?: Readonly<Record<string, string>>;
  readonly copies?: Readonly<Record<string, string>>;
}

/** Makes a project below an installation, and uses its packages. */
export function writeProject(
  directory: string,
  { json = {}, text = {}, copies = {} }: ProjectFiles,
): void {
  mkdirSync(directory, { recursive: true });
  // Some tools look for packages in the current directory alone.
  symlinkSync(
    join(dirname(directory), 'node_modules'),
    join(directory, 'node_modules'),
    'junction',
  );
  for (const [path, value] of Object.entries(json))
    writeText(join(directory, path), `${JSON.stringify(value, undefined, 2)}\n`);
  for (const [path, value] of Object.entries(text)) writeText(join(directory, path), value);
  for (const [path, from] of Object.entries(copies)) cpSync(from, join(directory, path));
}

function writeText(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
