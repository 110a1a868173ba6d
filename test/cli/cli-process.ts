import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { eventually } from '../support/eventually.js';

export interface CliOptions {
  readonly url?: string;
  readonly environment?: NodeJS.ProcessEnv;
  readonly directory?: string;
  /** What is written to its standard input. */
  readonly input?: string;
  /** Keeps standard input open. Default false. */
  readonly isInputOpen?: boolean;
}

/** One run of the command line in a process of its own, as `npm run build` made it. */
export class CliProcess {
  out = '';
  err = '';
  readonly #ended: Promise<unknown>;

  private constructor(readonly child: ChildProcess) {
    this.#ended = once(child, 'close');
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.err += text));
  }

  static start(words: readonly string[], options: CliOptions = {}): CliProcess {
    const { url, environment = {}, directory, input, isInputOpen = false } = options;
    const { REDIS_URL: _, NO_COLOR: __, ...inherited } = process.env;
    const child = spawn(process.execPath, [bin(), ...words], {
      cwd: directory ?? '/',
      env: { ...inherited, ...(url === undefined ? {} : { REDIS_URL: url }), ...environment },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    child.stdin?.write(input ?? '');
    if (!isInputOpen) child.stdin?.end();
    return new CliProcess(child);
  }

  /** Everything that it printed, and its exit code. */
  async result(): Promise<CliResult> {
    await this.#ended;
    return new CliResult(this.child.exitCode, this.out, this.err);
  }

  /** Waits until it has printed this. */
  async printed(text: string | RegExp): Promise<void> {
    await eventually(() => {
      const all = this.out + this.err;
      if (typeof text === 'string' ? all.includes(text) : text.test(all)) return;
      throw new Error(`It has printed ${JSON.stringify(all)}, but not ${String(text)}.`);
    }, 30_000);
  }

  /** For the end of a test, in whatever state the process is. */
  async close(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#ended;
  }

  interrupt(): void {
    this.child.kill('SIGINT');
  }
}

export class CliResult {
  constructor(
    readonly code: number | null,
    readonly out: string,
    readonly err: string,
  ) {}

  /** The lines of JSON that it printed. */
  get lines(): unknown[] {
    return this.out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
  }

  get json(): unknown {
    const [only, ...more] = this.lines;
    if (more.length > 0) throw new Error(`It printed more than one line:\n${this.out}`);
    return only;
  }
}

export function runCli(words: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return CliProcess.start(words, options).result();
}

export function bin(): string {
  const file = resolve('libs/redis-queue-transport/dist/cli/main.js'); // from the root, since npm runs the tests there
  if (!existsSync(file)) throw new Error(`${file} is missing: run "npm run build" first.`);
  return file;
}
