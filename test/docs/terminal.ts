import { spawn, type ChildProcess } from 'node:child_process';
import { expect } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { consoleCommands } from './console-session.js';
import { codeBlocks, inRepository, readText } from './markdown.js';

/** A line of Nest's log, or of a stack in it. */
export function isOfLog(line: string): boolean {
  return line.startsWith('[Nest]') || line.startsWith('    at ');
}

/** A busy machine takes a while to start a process. */
const SHOWS_WITHIN_MS = 20_000;

/**
 * A command of a `console` block with the comment `<!-- terminal NAME -->`, run as a reader of the page runs it. What
 * it prints later is further down, in blocks with the comment `<!-- terminal NAME goes on -->`.
 */
export class Terminal {
  readonly #shell: ChildProcess;
  /** Resolves with the exit code, or with the signal's name. Never rejects. */
  readonly exited: Promise<number | string>;
  #partsShown = 1;
  #printed = '';
  /** Everything that it has printed, including errors and Nest's log. */
  output = '';

  /** What the page has shown so far. */
  shown: readonly string[];

  private constructor(
    readonly command: string,
    /** What the page shows of it, below the command and further down. */
    private readonly parts: readonly (readonly string[])[],
    environment: Readonly<Record<string, string>>,
  ) {
    [this.shown = []] = parts;
    // A group of its own, so that signals reach all of a pipe, as Ctrl-C and Ctrl-Z do.
    this.#shell = spawn('sh', ['-c', command], {
      cwd: inRepository('.'),
      env: { ...process.env, NO_COLOR: '1', ...environment },
      detached: true,
    });
    this.#shell.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.#shell.stderr?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.#shell.stdin?.on('error', () => undefined); // it has ended, and its output shows how
    this.exited = new Promise((resolve) => {
      this.#shell.once('close', (code, signal) => resolve(signal ?? code ?? 'unknown'));
    });
  }

  static async open(
    page: string,
    name: string,
    environment: Readonly<Record<string, string>>,
  ): Promise<Terminal> {
    const blocks = codeBlocks(await readText(page));
    const block = blocks.find(({ note }) => note === `terminal ${name}`);
    const [session] = block === undefined ? [] : consoleCommands(block.text);
    if (session === undefined) throw new Error(`${page} has no terminal "${name}".`);
    const later = blocks
      .filter(({ note }) => note === `terminal ${name} goes on`)
      .map(({ text }) => text.split('\n'));
    return new Terminal(session.command, [session.output.split('\n'), ...later], environment);
  }

  /** What a reader sees: what the program printed and what was typed, without Nest's log. */
  get lines(): string[] {
    return this.#printed.split('\n').filter((line) => line !== '' && !isOfLog(line));
  }

  /** Waits until it shows what the page shows. */
  async showsAll(): Promise<void> {
    await eventually(() => expect(this.lines).toEqual(this.shown), SHOWS_WITHIN_MS);
  }

  /** Waits until it shows the next part, which is further down on the page. */
  async goesOn(): Promise<void> {
    this.#turnPage();
    await this.showsAll();
  }

  /** The same for programs that run side by side. */
  async goesOnInSomeOrder(): Promise<void> {
    this.#turnPage();
    await this.showsAllInSomeOrder();
  }

  #turnPage(): void {
    this.#partsShown += 1;
    if (this.#partsShown > this.parts.length) throw new Error(`"${this.command}" does not go on.`);
    this.shown = this.parts.slice(0, this.#partsShown).flat();
  }

  /** The same for programs that run side by side. */
  async showsAllInSomeOrder(): Promise<void> {
    const shown = this.shown.toSorted();
    await eventually(() => expect(this.lines.toSorted()).toEqual(shown), SHOWS_WITHIN_MS);
  }

  async shows(line: string): Promise<void> {
    await eventually(() => expect(this.lines).toContain(line), SHOWS_WITHIN_MS);
  }

  type(line: string): void {
    this.#take(`${line}\n`); // as a terminal does
    this.#shell.stdin?.write(`${line}\n`);
  }

  endInput(): void {
    this.#shell.stdin?.end();
  }

  signal(name: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#shell;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, name);
  }

  #take(text: string): void {
    this.#printed += text;
    this.output += text;
  }
}
