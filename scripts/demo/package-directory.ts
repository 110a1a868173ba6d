import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/** The directory of a workspace; the same from the sources and from `dist`. */
export function packageDirectory(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}
