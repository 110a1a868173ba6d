import { spawn, type ChildProcess } from 'node:child_process';
import { expect } from '@jest/globals';
import { inRepository } from '../docs/markdown.js';
import { eventually } from '../support/eventually.js';

/** Three services start, on a machine that may be busy. */
const OPENS_WITHIN_MS = 60_000;

/** The demo as a user starts it, in a process group of its own, as a shell does. */
export class DemoProcess {
  /** Resolves with the exit code, or with the signal's name. Never rejects. */
  readonly exited: Promise<number | string>;
  output = '';
  hasExited = false;
  readonly #child: ChildProcess;

  /** @param directory where it leaves everything that it leaves in the file system */
  constructor(
    directory: string,
    args: readonly string[],
    environment: NodeJS.ProcessEnv = {},
    command: readonly string[] = [process.execPath, inRepository('dist/scripts/demo/main.js')],
  ) {
    const [program = '', ...before] = command;
    this.#child = spawn(program, [...before, ...args], {
      cwd: inRepository('.'),
      env: { ...process.env, REDIS_URL: '', TMPDIR: directory, ...environment },
      detached: true,
    });
    this.#child.stdout?.on('data', (data) => (this.output += String(data)));
    this.#child.stderr?.on('data', (data) => (this.output += String(data)));
    this.exited = new Promise((resolve) =>
      this.#child.once('close', (code, signal) => {
        this.hasExited = true;
        resolve(signal ?? code ?? 'unknown');
      }),
    );
  }

  signal(name: NodeJS.Signals): void {
    if (!this.hasExited) this.#child.kill(name);
  }

  /** Does what Ctrl-C in a terminal does: signals npm, its shell and the demo. */
  signalGroup(name: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (!this.hasExited && pid !== undefined && isAlive(-pid)) process.kill(-pid, name);
  }

  async shows(text: string, withinMs = OPENS_WITHIN_MS): Promise<void> {
    await eventually(() => expect(this.output).toContain(text), withinMs);
  }

  /** The process ids of the services that it has started, as far as it has printed them. */
  get servicePids(): number[] {
    return [...this.output.matchAll(/pid (\d+)/g)].map((match) => Number(match[1]));
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
