import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from '@jest/globals';
import { eventually } from './eventually.js';

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program of `test/programs`, compiled, in a process of its own. It prints one JSON text in each line. */
export class NestProgram {
  readonly printed: string[] = [];
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcess;

  constructor(name: string, environment: Readonly<Record<string, string>>) {
    const file = fileURLToPath(new URL(`../../dist/test/programs/${name}.js`, import.meta.url));
    const child = spawn(process.execPath, ['--enable-source-maps', file], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.printed.push(String(JSON.parse(line)));
    });
    // 'close', not 'exit': by then everything that it printed has been read.
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
  }

  async prints(text: string): Promise<void> {
    await eventually(() => expect(this.printed).toContain(text), 20_000);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}
