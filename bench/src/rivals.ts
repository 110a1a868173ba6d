import { spawn } from 'node:child_process';
import { copyFile, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { BENCH, ROOT } from './places.js';

const COMPILER = new URL('node_modules/typescript/bin/tsc', ROOT);
const LOCK = new URL('package-lock.json', BENCH);
/** A copy of the package-lock.json that was installed. */
const STAMP = new URL('node_modules/.installed-lock.json', BENCH);

/** Installs what the rivals need, unless that was done for this package-lock.json, and compiles their modules. */
export async function prepareRivals(): Promise<void> {
  if (!(await isInstalled())) {
    console.error('bench: installing the rivals in bench/node_modules, once');
    // Build steps of dependencies are not needed, and some would download programs.
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
    await copyFile(LOCK, STAMP);
  }
  await run(process.execPath, [fileURLToPath(COMPILER), '-b', 'rivals']);
}

async function isInstalled(): Promise<boolean> {
  const installed = await readFile(STAMP, 'utf8').catch(() => undefined);
  return installed === (await readFile(LOCK, 'utf8'));
}

/** The versions of the rivals' packages. */
export async function rivalVersions(): Promise<Record<string, string>> {
  const text = await readFile(new URL('package.json', BENCH), 'utf8');
  const { dependencies } = JSON.parse(text) as { dependencies: Record<string, string> };
  return dependencies;
}

async function run(program: string, given: readonly string[]): Promise<void> {
  const child = spawn(program, given, {
    cwd: fileURLToPath(BENCH),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${program} ${given.join(' ')} ended with ${String(code)}`);
}
