import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where distributions put servers that are not on the PATH. */
const SERVER_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/lib/rabbitmq/bin'];

/** Installing a server must not start it as a system service. */
const INSTALL = `
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' >"$policy"
  chmod +x "$policy"
fi
apt-get update -qq || true
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "$1"`;

/** A server program is not installed. */
export class ProgramMissing extends Error {
  override readonly name = 'ProgramMissing';
}

/**
 * The path of a server program. For root on Debian or Ubuntu, it is installed if it is missing, with a line on stderr.
 * @throws ProgramMissing with the command that helps
 */
export async function findProgram(name: string, debianPackage = name): Promise<string> {
  const file = await search(name);
  if (file !== undefined) return file;
  const help = `${name} is not installed: apt-get install ${debianPackage}, or your system's package`;
  if (process.getuid?.() !== 0 || (await search('apt-get')) === undefined) {
    throw new ProgramMissing(help);
  }
  console.error(`bench: ${name} is not installed; installing it with apt-get`);
  await run('sh', ['-c', INSTALL, 'bench', debianPackage], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }).catch((error: unknown) => {
    throw new ProgramMissing(help, { cause: error });
  });
  const installed = await search(name);
  if (installed === undefined) throw new ProgramMissing(help);
  return installed;
}

async function search(name: string): Promise<string | undefined> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of [...folders, ...SERVER_FOLDERS]) {
    const file = join(folder, name);
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  return undefined;
}
