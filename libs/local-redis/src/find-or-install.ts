import { findExecutable } from './executable.js';
import { installPackages } from './install-packages.js';

export interface Wanted {
  /** Looks for it; `undefined` if it is not here. */
  readonly find: () => Promise<string | undefined>;
  /** Packages of Debian and Ubuntu that contain it. */
  readonly packages: readonly string[];
  /** A shell command that succeeds once they are installed. */
  readonly isThere: string;
  /** Where `apt-get` is looked for. */
  readonly searchPath: string;
  readonly mayInstall: boolean;
  /** What is missing, and the commands that help. */
  readonly help: string;
}

/**
 * The path of a program. If it is missing, and this process is root on Debian or Ubuntu, announces on stderr that it
 * installs it, and does so with apt-get. If it cannot or must not install, or apt-get fails, it throws an error with
 * `help`. `LOCAL_REDIS_INSTALL=no` forbids every installation.
 */
export async function findOrInstall(wanted: Wanted): Promise<string> {
  const { find, packages, isThere, help } = wanted;
  const found = await find();
  if (found !== undefined) return found;
  if (!(await canInstall(wanted))) throw new Error(help);
  try {
    await installPackages(packages, isThere, wanted.searchPath);
  } catch (cause) {
    // The output of apt-get seldom says what helps, so the error has both.
    throw new Error(`${cause instanceof Error ? cause.message : String(cause)}\n${help}`, {
      cause,
    });
  }
  const installed = await find();
  if (installed === undefined) throw new Error(help);
  return installed;
}

async function canInstall({ mayInstall, searchPath }: Wanted): Promise<boolean> {
  if (!mayInstall || process.env['LOCAL_REDIS_INSTALL'] === 'no') return false;
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
  return isRoot && (await findExecutable('apt-get', searchPath)) !== undefined;
}
