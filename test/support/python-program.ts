import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.js';

export interface PythonSettings {
  /** The path of the interpreter. */
  readonly python: string;
  readonly url: string;
  readonly prefix: string;
}

const START_WITHIN_MS = 20_000;
const END_WITHIN_MS = 5_000;

/** A program of `examples/python`, in a process of its own. */
export class PythonProgram {
  /** The lines that it wrote to stdout. */
  readonly printed: string[] = [];
  /** Its exit code, or the signal that ended it, once all of its output has been read. Never rejects. */
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcess;
  #complaints = '';

  constructor(program: string, args: readonly string[], settings: PythonSettings) {
    const { python, url, prefix } = settings;
    const file = fileURLToPath(new URL(`../../examples/python/${program}.py`, import.meta.url));
    const child = spawn(python, [file, ...args], {
      env: {
        ...process.env,
        REDIS_URL: url,
        REDIS_QUEUE_PREFIX: prefix,
        PYTHONUTF8: '1',
        PYTHONDONTWRITEBYTECODE: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.printed.push(line));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#complaints += text));
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(String(error)));
      child.once('close', (code, signal) => resolve(signal ?? code ?? 'unknown'));
    });
  }

  /** What it wrote to stderr. */
  get complaints(): string {
    return this.#complaints;
  }

  /** Resolves once it has printed a line with this beginning, with the JSON text after it. */
  async prints(beginning: string): Promise<unknown> {
    const line = await eventually(() => {
      const found = this.printed.find((printed) => printed.startsWith(beginning));
      if (found === undefined) {
        throw new Error(
          `No line begins with "${beginning}":\n${this.printed.join('\n')}\n${this.complaints}`,
        );
      }
      return found;
    }, START_WITHIN_MS);
    return parsed(line.slice(beginning.length));
  }

  /** The JSON texts after this word, of all lines so far. */
  all(word: string): unknown[] {
    return this.printed
      .filter((line) => line.startsWith(`${word} `))
      .map((line) => parsed(line.slice(word.length)));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  /**
   * For the end of a test, in whatever state the program is: ends it in order if possible, so that it leaves its queue.
   */
  async close(): Promise<void> {
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    const impatience = setTimeout(() => this.signal('SIGKILL'), END_WITHIN_MS);
    await this.ended;
    clearTimeout(impatience);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // a line for people
  }
}
