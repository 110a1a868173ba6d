import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

// Runs under flock, so one process at a time: a process that waited finds the work done. It first announces on stderr
// what it will do and how to avoid it, and keeps all output of apt-get for the error message. Unless there is a
// policy-rc.d already, it writes one that keeps packages from starting a server as a system service.
const script = `
set -e
exec 3>&2 2>&1
isThere=$1
shift
if sh -c "$isThere" >/dev/null; then exit 0; fi
cat >&3 <<END
local-redis: $* is not installed. Installing it now with apt-get, since this is root on Debian or Ubuntu; it stays installed.
local-redis: to avoid that, install it yourself, or set LOCAL_REDIS_INSTALL=no to be told how.
END
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' >"$policy"
  chmod +x "$policy"
fi
apt-get update -qq || true
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
`;

/**
 * Installs packages of the distribution, unless the shell command `isThere` succeeds. Several processes may call it at
 * once. `searchPath` is the PATH of everything that it runs.
 */
export async function installPackages(
  packages: readonly string[],
  isThere: string,
  searchPath: string,
): Promise<void> {
  const lock = join(tmpdir(), 'local-redis-install.lock');
  const child = spawn('flock', [lock, 'sh', '-c', script, 'sh', isThere, ...packages], {
    env: { ...process.env, PATH: searchPath, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exitCode = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [code, output] = await Promise.all([exitCode, text(child.stdout)]);
  if (code === 0) return;
  throw new Error(
    `apt-get could not install ${packages.join(' and ')} (exit code ${code}):\n${output.trim()}`,
  );
}
