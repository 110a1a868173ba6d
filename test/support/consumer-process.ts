import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RedisQueueServerOptions } from 'nestjs-redis-queue-transport';
import { readJournal } from './journal.js';
import type { JournalEntry } from './journal.js';

/** What the handler of a consumer process does with a message. */
export interface TestMessage {
  readonly id: string;
  /** How long it works, in ms. */
  readonly workMs?: number;
  /** How long its first attempt computes, in ms, without letting anything else of its process run. */
  readonly blocksMs?: number;
  /** It does not end before {@link ConsumerProcess.letGo}. */
  readonly holds?: boolean;
  /** It kills its process. */
  readonly kills?: boolean;
}

export interface ConsumerSettings {
  readonly url: string;
  readonly prefix: string;
  readonly queue: string;
  readonly journal: string;
  readonly leaseMs: number;
  readonly options?: Pick<
    RedisQueueServerOptions,
    'concurrency' | 'maxCrashes' | 'shutdownTimeoutMs'
  >;
}

const PROGRAM = fileURLToPath(new URL('../../dist/test/programs/consumer.js', import.meta.url));

/** A service of its own process, as compiled by `npm run build`. */
export class ConsumerProcess {
  /** What it wrote to stdout and stderr: for whoever reads why a test failed. */
  #output = '';
  readonly #ended: Promise<unknown>;

  private constructor(
    private readonly process: ChildProcess,
    private readonly settings: ConsumerSettings,
  ) {
    this.#ended = once(process, 'close');
    for (const stream of [process.stdout, process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
  }

  /** Resolves when it listens. */
  static async start(settings: ConsumerSettings): Promise<ConsumerProcess> {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run "npm run build" first.`);
    const child = fork(PROGRAM, [JSON.stringify(settings)], {
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const started = new ConsumerProcess(child, settings);
    const how = await Promise.race([
      once(child, 'message').then(() => 'ready'),
      started.#ended.then(() => 'ended'),
    ]);
    if (how === 'ended') throw new Error(`The consumer process did not start:\n${started.output}`);
    return started;
  }

  get output(): string {
    return this.#output;
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  get exitCode(): number | null {
    return this.process.exitCode;
  }

  /** What this process has noted so far. */
  get journal(): JournalEntry[] {
    return readJournal(this.settings.journal).filter(({ pid }) => pid === this.process.pid);
  }

  /** Ends the handlers of messages that hold. */
  letGo(): void {
    this.process.send('let go');
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** Resolves when it has ended and all of its output is read. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  /** For the end of a test, whatever state it is in: in order if it can be, so that it leaves its queue. */
  async close(): Promise<void> {
    const impatience = setTimeout(() => this.signal('SIGKILL'), CLOSE_DEADLINE_MS);
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    await this.ended();
    clearTimeout(impatience);
  }
}

const CLOSE_DEADLINE_MS = 5_000;
