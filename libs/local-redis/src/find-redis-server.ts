import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findExecutable } from './executable.js';
import { findOrInstall } from './find-or-install.js';

const oldestMajor = 7;

/**
 * The path of a redis-server, 7.0 or newer.
 *
 * Looks on `searchPath` (default: the PATH of this process). If there is none, it installs the distribution's package
 * or throws (`findOrInstall`). Any number of processes may call it at the same time. Throws if the server that it found
 * is too old.
 */
export async function findRedisServer(
  options: { readonly searchPath?: string } = {},
): Promise<string> {
  const searchPath = options.searchPath ?? process.env['PATH'] ?? '';
  const file = await findOrInstall({
    find: () => findExecutable('redis-server', searchPath),
    packages: ['redis-server'],
    isThere: 'command -v redis-server',
    searchPath,
    mayInstall: true,
    help: howToInstall,
  });
  await assertNewEnough(file);
  return file;
}

async function assertNewEnough(file: string): Promise<void> {
  const { stdout } = await promisify(execFile)(file, ['--version']);
  const version = /v=(\d+)\.[\w.-]+/.exec(stdout);
  if (version && Number(version[1]) >= oldestMajor) return;
  throw new Error(
    `${file} is too old: Redis ${oldestMajor}.0 or newer is needed, got "${stdout.trim()}"`,
  );
}

const howToInstall = `redis-server (${oldestMajor}.0 or newer) is not on the PATH. To get it:
  apt:    sudo apt-get install redis-server
  brew:   brew install redis
  docker: docker run --rm -p 6379:6379 redis:7   and, for the services and the demo: export REDIS_URL=redis://127.0.0.1:6379
          (the tests stop and kill servers of their own, so they need the program itself)`;
