import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findExecutable } from './executable.js';
import { canInstallPackages, installPackages } from './install-packages.js';

const oldestMajor = 7;

/**
 * The path of a redis-server, 7.0 or newer.
 *
 * Looks on `searchPath` (default: the PATH of this process). Where there is none, and this process
 * is root on a Debian or Ubuntu, it installs the distribution's package `redis-server` and says so
 * in one line on stderr; elsewhere, or when that fails, it throws an error that lists the commands that help. Any number
 * of processes may call it at the same time. Throws if the server that it found is too old.
 */
export async function findRedisServer(
  options: { readonly searchPath?: string } = {},
): Promise<string> {
  const searchPath = options.searchPath ?? process.env['PATH'] ?? '';
  const file = (await findExecutable('redis-server', searchPath)) ?? (await installed(searchPath));
  if (file === undefined) throw new Error(howToInstall);
  await assertNewEnough(file);
  return file;
}

async function installed(searchPath: string): Promise<string | undefined> {
  if (!(await canInstallPackages(searchPath))) return undefined;
  try {
    await installPackages(['redis-server'], 'command -v redis-server');
  } catch (cause) {
    throw new Error(`${cause instanceof Error ? cause.message : String(cause)}\n${howToInstall}`, {
      cause,
    });
  }
  return findExecutable('redis-server', searchPath);
}

async function assertNewEnough(file: string): Promise<void> {
  const { stdout } = await promisify(execFile)(file, ['--version']);
  const version = /v=(\d+)\.[\w.-]+/.exec(stdout);
  if (version && Number(version[1]) >= oldestMajor) return;
  throw new Error(
    `${file} is too old: Redis ${oldestMajor}.0 or newer is needed, got "${stdout.trim()}"`,
  );
}

const howToInstall = `redis-server (${oldestMajor}.0 or newer) is not on the PATH. One of these helps:
  apt:    sudo apt-get install redis-server
  brew:   brew install redis
  docker: docker run --rm -p 6379:6379 redis:7   and, for the services and the demo: export REDIS_URL=redis://127.0.0.1:6379
          (the tests stop and kill servers of their own, so they need the program itself)`;
