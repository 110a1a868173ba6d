import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A file that gets all that the command prints. */
  readonly log: string;
}

const SHOWN_LINES = 60;
/** Far beyond what anything here takes: it ends what hangs. */
const WITHIN_MS = 15 * 60_000;

/** Runs a command and returns what it printed. Throws if it ends with anything but 0, with the end of what it printed. */
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
