import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { inRepository } from './markdown.js';
import { isOfLog } from './terminal.js';

/** One of the programs in `examples/`, compiled by `npm run build`, in a process of its own. */
export class ExampleProcess {
  readonly #child: ChildProcess;
  /** Resolves with the exit code, or with the signal's name. Never rejects. */
  readonly exited: Promise<number | string>;
  #output = '';

  /** `example` is its path below `examples/`, without an extension. */
  constructor(example: string, environment: Readonly<Record<string, string>>) {
    const file = inRepository(`dist/examples/${example}.js`);
    if (!existsSync(file)) throw new Error(`${file} is missing: run "npm run build" first.`);
    this.#child = spawn(process.execPath, ['--enable-source-maps', file], {
      env: { ...process.env, NO_COLOR: '1', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    }
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve(signal ?? code ?? 'unknown'));
    });
  }

  /** Everything that it has printed so far. */
  get output(): string {
    return this.#output;
  }

  /** The lines that it printed itself, without Nest's log. */
  get ownLines(): string[] {
    return this.#output.split('\n').filter((line) => line !== '' && !isOfLog(line));
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | string> {
    this.#child.kill(signal);
    return this.exited;
  }
}
