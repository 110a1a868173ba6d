import { fork, type ChildProcess } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import type { ChaosSettings } from './settings.js';

const START_WITHIN_MS = 90_000;
const STOP_WITHIN_MS = 30_000;

/** One producer or consumer, that can be killed, stopped and started again. */
export class ChaosProcess {
  #child: ChildProcess | undefined;
  /** Ids of calls that never ended. */
  readonly hung: string[] = [];
  starts = 0;

  constructor(
    readonly settings: ChaosSettings,
    private readonly program: 'consumer' | 'producer',
    directory: string,
  ) {
    this.log = join(directory, `${settings.name}.log`);
  }

  readonly log: string;

  get isRunning(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  async start(): Promise<void> {
    this.starts += 1;
    const output = openSync(this.log, 'a');
    const script = resolve(`dist/test/chaos/${this.program}-program.js`); // from the root, as npm runs us
    // Each start has ids of its own: a producer that was killed does not know how far it came.
    const settings = { ...this.settings, name: `${this.settings.name}.${this.starts}` };
    const child = fork(script, [JSON.stringify(settings)], {
      stdio: ['ignore', output, output, 'ipc'],
    });
    closeSync(output);
    this.#child = child;
    child.on('message', (message) => {
      if (typeof message === 'object' && 'hung' in message) this.hung.push(String(message.hung));
    });
    const signal = AbortSignal.timeout(START_WITHIN_MS);
    await Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit', { signal }).then(() => {
        throw new Error(`${this.settings.name} ended at its start; see ${this.log}`);
      }),
    ]);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    await this.#end(() => this.signal('SIGKILL'));
  }

  /** SIGTERM, as a deployment does it. */
  async terminate(): Promise<void> {
    await this.#end(() => this.signal('SIGTERM'));
  }

  /** Lets a producer finish what it has begun. */
  async finish(): Promise<void> {
    await this.#end(() => void this.#child?.send('stop'));
  }

  async #end(ask: () => void): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(STOP_WITHIN_MS) });
    ask();
    await ended.catch(() => {
      child.kill('SIGKILL');
      throw new Error(
        `${this.settings.name} did not end within ${STOP_WITHIN_MS} ms; see ${this.log}`,
      );
    });
  }
}
