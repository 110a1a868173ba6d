import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A file for everything that the command prints. */
  readonly log: string;
}

const SHOWN_LINES = 60;
/** Far longer than anything here takes: it only ends what hangs. */
const WITHIN_MS = 15 * 60_000;

/** Runs a command and returns what it printed. Throws if it does not end with 0, with the end of what it printed. */
export async function run(
  command: string,
  args: readonly string[],
  { cwd, env = {}, log }: CommandOptions,
): Promise<string> {
  const file = createWriteStream(log, { flags: 'a' });
  file.write(`$ ${[command, ...args].join(' ')}\n`);
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: WITHIN_MS,
    killSignal: 'SIGKILL',
  });
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  file.end();
  await finished(file);
  const printed = await readFile(log, 'utf8');
  if (code === 0) return printed;
  const end = printed.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
  throw new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}:\n${end}`);
}
