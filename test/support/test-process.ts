import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface TestProcessOptions {
  /** Where stdout and stderr are appended. By default, they are kept in memory. */
  readonly log?: string;
  /** A program that is loaded before it. */
  readonly preload?: string | undefined;
  /** Gets what the program sends besides "ready". */
  readonly onMessage?: (message: unknown) => void;
}

const START_WITHIN_MS = 300_000;
const CLOSE_WITHIN_MS = 5_000;

/** A program of the tests in a process of its own. It gets its settings as JSON, and sends "ready". */
export class TestProcess {
  #output = '';
  readonly #ended: Promise<unknown>;

  private constructor(
    readonly child: ChildProcess,
    private readonly log: string | undefined,
  ) {
    this.#ended = once(child, 'close');
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
  }

  /**
   * Starts it without waiting.
   * @param program its path below test/, as compiled by `npm run build`
   */
  static launch(program: string, settings: unknown, options: TestProcessOptions = {}): TestProcess {
    const script = compiled(program);
    const output = options.log === undefined ? 'pipe' : openSync(options.log, 'a');
    const child = fork(script, [JSON.stringify(settings)], {
      execArgv: ['--enable-source-maps', ...preloadArguments(options.preload)],
      stdio: ['ignore', output, output, 'ipc'],
    });
    if (typeof output === 'number') closeSync(output);
    child.on('message', (message) => {
      if (message !== 'ready') options.onMessage?.(message);
    });
    return new TestProcess(child, options.log);
  }

  /** Resolves when it is ready. */
  static async start(
    program: string,
    settings: unknown,
    options: TestProcessOptions = {},
  ): Promise<TestProcess> {
    const launched = TestProcess.launch(program, settings, options);
    await launched.ready();
    return launched;
  }

  /** Rejects with its output if it ends first. Call this at once. */
  async ready(): Promise<void> {
    const signal = AbortSignal.timeout(START_WITHIN_MS);
    const how = await Promise.race([
      once(this.child, 'message', { signal }).then(() => 'ready'),
      this.#ended.then(() => 'ended'),
    ]);
    if (how === 'ended') throw new Error(`A process ended at its start:\n${this.output}`);
  }

  /** What it wrote to stdout and stderr, for people who want to know why a test failed. */
  get output(): string {
    return this.log === undefined ? this.#output : readFileSync(this.log, 'utf8');
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('The process could not be started.');
    return this.child.pid;
  }

  get hasEnded(): boolean {
    return this.exitCode !== null || this.child.signalCode !== null;
  }

  get exitCode(): number | null {
    return this.child.exitCode;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves when it has ended and all of its output has been read. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  /** Asks it to end in order. Kills it if it does not end in time, and returns false then. */
  async endWithin(
    deadlineMs: number,
    ask: () => void = () => this.signal('SIGTERM'),
  ): Promise<boolean> {
    let inOrder = true;
    const impatience = setTimeout(() => {
      inOrder = false;
      this.signal('SIGKILL');
    }, deadlineMs);
    if (!this.hasEnded) ask();
    await this.ended();
    clearTimeout(impatience);
    return inOrder;
  }

  /**
   * For the end of a test, in whatever state the process is: ends it in order if possible, so that it leaves its queue.
   */
  async close(): Promise<void> {
    this.signal('SIGCONT');
    await this.endWithin(CLOSE_WITHIN_MS);
  }
}

function preloadArguments(program: string | undefined): string[] {
  return program === undefined ? [] : ['--import', pathToFileURL(compiled(program)).href];
}

function compiled(program: string): string {
  const script = resolve('dist/test', program); // from the root, since npm runs the tests there
  if (!existsSync(script)) throw new Error(`${script} is missing: run "npm run build" first.`);
  return script;
}
