import { delimiter } from 'node:path';
import { findExecutable } from './executable.js';
import { findOrInstall } from './find-or-install.js';

/** Names under which distributions and Google install it. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** Where Debian puts it. */
const SYSTEM_FOLDER = '/usr/bin';

/**
 * The path of a Chromium (or Chrome), for the tests of pages.
 *
 * Looks on `searchPath` (default: the PATH of this process, then `/usr/bin`). If there is none, it installs the
 * distribution's package, with a font, unless `mayInstall` is false (default true), or throws (`findOrInstall`). Any
 * number of processes may call it at the same time.
 */
export async function findChromium(
  options: { readonly searchPath?: string; readonly mayInstall?: boolean } = {},
): Promise<string> {
  const searchPath = options.searchPath ?? [process.env['PATH'], SYSTEM_FOLDER].join(delimiter);
  return findOrInstall({
    find: () => firstOf(searchPath),
    // Without a font, pages show boxes.
    packages: ['chromium', 'fonts-dejavu-core'],
    isThere: 'command -v chromium',
    searchPath,
    mayInstall: options.mayInstall ?? true,
    help: howToInstall,
  });
}

async function firstOf(searchPath: string): Promise<string | undefined> {
  for (const name of NAMES) {
    const file = await findExecutable(name, searchPath);
    if (file !== undefined) return file;
  }
  return undefined;
}

const howToInstall = `Cannot find Chromium or Chrome, which the tests of pages need. To get one:
  apt:    sudo apt-get install chromium
  brew:   brew install --cask chromium`;
