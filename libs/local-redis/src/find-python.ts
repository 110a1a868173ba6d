import { execFile } from 'node:child_process';
import { delimiter } from 'node:path';
import { promisify } from 'node:util';
import { findExecutable } from './executable.js';
import { findOrInstall } from './find-or-install.js';

/** What the programs of `examples/python` need: a client with BLMOVE. */
const HAS_REDIS = 'import redis; redis.Redis.blmove';

/**
 * The folder of the distribution's Python, the only one that sees its packages; another one may come first on the PATH.
 */
const SYSTEM_FOLDER = '/usr/bin';

/**
 * The path of a Python 3 with redis-py, 4.0 or newer, for the programs in `examples/python`.
 *
 * Looks at each `python3` on `searchPath` (default: the PATH of this process, then `/usr/bin`). If none will do, it
 * installs the distribution's packages, unless `mayInstall` is false (default true), or throws (`findOrInstall`). Any
 * number of processes may call it at the same time.
 */
export async function findPython(
  options: { readonly searchPath?: string; readonly mayInstall?: boolean } = {},
): Promise<string> {
  const searchPath = options.searchPath ?? [process.env['PATH'], SYSTEM_FOLDER].join(delimiter);
  return findOrInstall({
    find: () => withRedis(searchPath),
    packages: ['python3', 'python3-redis'],
    isThere: `/usr/bin/python3 -c '${HAS_REDIS}'`,
    searchPath,
    mayInstall: options.mayInstall ?? true,
    help: howToInstall,
  });
}

/** The first Python on the search path that will do. */
async function withRedis(searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter)) {
    const file = await findExecutable('python3', folder);
    if (file !== undefined && (await canImport(file))) return file;
  }
  return undefined;
}

async function canImport(python: string): Promise<boolean> {
  try {
    await promisify(execFile)(python, ['-c', HAS_REDIS]);
    return true;
  } catch {
    return false; // unusable, for whatever reason
  }
}

const howToInstall = `Cannot find Python 3 with redis-py (4.0 or newer), which the programs in examples/python need. To get it:
  apt:    sudo apt-get install python3 python3-redis
  pip:    python3 -m pip install redis`;
