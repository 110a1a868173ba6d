import { findExecutable } from './executable.js';
import { installPackages } from './install-packages.js';

export interface Wanted {
  /** Looks for it; `undefined` if it is not here. */
  readonly find: () => Promise<string | undefined>;
  /** Packages of Debian and Ubuntu that bring it. */
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
 * The path of a program. If it is missing, and this process is root on a Debian or Ubuntu, installs it with apt-get,
 * which it announces on stderr. Where it cannot or must not install, or apt-get fails, it throws an error with `help`.
 * `LOCAL_REDIS_INSTALL=no` forbids it for all.
 */
export async function findOrInstall(wanted: Wanted): Promise<string> {
  const { find, packages, isThere, help } = wanted;
  const found = await find();
  if (found !== undefined) return found;
  if (!(await canInstall(wanted))) throw new Error(help);
  try {
    await installPackages(packages, isThere, wanted.searchPath);
  } catch (cause) {
    // What apt-get says is seldom what helps, so that both are told.
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
