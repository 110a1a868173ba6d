import type { RedisOptions } from 'ioredis';
import type { ClusterOptions } from '../../libs/redis-queue-transport/src/redis/address/cluster-settings.js';
import type {
  RedisQueueHealth,
  RedisQueueLimitOptions,
  RedisQueuePerKeyOptions,
  RedisQueueServerOptions,
} from 'nestjs-redis-queue-transport';
import { readJournal } from './journal.js';
import type { JournalEntry } from './journal.js';
import { TestProcess } from './test-process.js';

/** What the handler of a consumer process does with a message. */
export interface TestMessage {
  readonly id: string;
  /** Its key, by which it is kept in order. */
  readonly key?: string;
  readonly priority?: number;
  /** How long it works, in ms. */
  readonly workMs?: number;
  /** How long its first attempt computes, in ms, so that nothing else in its process can run. */
  readonly blocksMs?: number;
  /** It does not end before {@link ConsumerProcess.letGo}. */
  readonly holds?: boolean;
  /** It kills its process. */
  readonly kills?: boolean;
  /** Its first attempt fails. */
  readonly failsFirst?: boolean;
  /** It is dead-lettered at once. */
  readonly isUseless?: boolean;
  /** How long its sender waits for room if the queue is full. */
  readonly waitForRoomMs?: number;
  /** Only takes up room. */
  readonly filler?: string;
}

/** How a consumer process sends a message of its own. */
export interface SendTerms {
  readonly delayMs?: number;
  readonly expiresInMs?: number;
}

/** What a test tells a consumer process to do. The answer repeats the number. */
export type Order =
  | { readonly do: 'enqueue' | 'send'; readonly message: TestMessage; readonly terms: SendTerms }
  | { readonly do: 'setClock'; readonly aheadMs: readonly number[] }
  | { readonly do: 'health' }
  | { readonly do: 'pause' }
  | { readonly do: 'resume' };
export type Answer = { readonly value: unknown } | { readonly code: unknown };
export type Numbered<T> = T & { readonly number: number };

export interface ConsumerSettings {
  readonly url: string | RedisOptions | ClusterOptions;
  readonly prefix: string;
  readonly queue: string;
  readonly journal: string;
  readonly leaseMs: number;
  readonly options?: Pick<
    RedisQueueServerOptions,
    | 'concurrency'
    | 'leaseMs'
    | 'maxCrashes'
    | 'onEviction'
    | 'prefetch'
    | 'retry'
    | 'shutdownTimeoutMs'
  >;
  /** What all processes together may do. */
  readonly limit?: RedisQueueLimitOptions;
  /** What they may do with each key. */
  readonly perKey?: RedisQueuePerKeyOptions;
  /** How many messages may wait. */
  readonly maxLength?: number;
  /** It is one of a group that handles the durable events of this pattern, as it handles messages. */
  readonly group?: { readonly name: string; readonly pattern: string };
  /** The pattern of the live events that it notes. */
  readonly hears?: string;
  /** Gives it a wall clock of its own: see {@link ConsumerProcess.setClock}. */
  readonly clockAheadMs?: readonly number[];
  /** The file with the address that {@link CHANGING_NAME} has. */
  readonly addressFile?: string;
  /** Its monotonic clock stands still while it is stopped, as on a suspended machine. */
  readonly sleeps?: boolean;
}

/** A service in a process of its own. */
export class ConsumerProcess {
  #orders = 0;

  private constructor(
    private readonly process: TestProcess,
    private readonly settings: ConsumerSettings,
  ) {}

  /** Resolves when it listens. */
  static async start(settings: ConsumerSettings): Promise<ConsumerProcess> {
    const preload = preloadOf(settings);
    const started = await TestProcess.start('programs/consumer.js', settings, { preload });
    return new ConsumerProcess(started, settings);
  }

  /** What it wrote to stdout and stderr, for people who want to know why a test failed. */
  get output(): string {
    return this.process.output;
  }

  get pid(): number {
    return this.process.pid;
  }

  get hasEnded(): boolean {
    return this.process.hasEnded;
  }

  get exitCode(): number | null {
    return this.process.exitCode;
  }

  /** What this process has noted so far. */
  get journal(): JournalEntry[] {
    return readJournal(this.settings.journal).filter(({ pid }) => pid === this.process.pid);
  }

  /** Lets the handlers of messages that hold end, now and later. */
  letGo(): void {
    this.process.child.send('let go');
  }

  /** Lets those end that hold now. */
  letGoOnce(): void {
    this.process.child.send('let go once');
  }

  /** What its server reports about itself. */
  async health(): Promise<RedisQueueHealth> {
    return (await this.#order({ do: 'health' })) as RedisQueueHealth; // as the program answers
  }

  /** Pauses its server. Resolves when that is done. */
  async pause(): Promise<void> {
    await this.#order({ do: 'pause' });
  }

  /** Ends {@link pause}. */
  async resume(): Promise<void> {
    await this.#order({ do: 'resume' });
  }

  /** Enqueues with a client of its own. Rejects with the code of the error; if the process ends, as a call of unknown outcome. */
  async enqueue(message: TestMessage, terms: SendTerms = {}): Promise<void> {
    await this.#order({ do: 'enqueue', message, terms });
  }

  /** Sends a request with a client of its own, and resolves with the answer. Rejects as {@link enqueue} does. */
  request(message: TestMessage): Promise<unknown> {
    return this.#order({ do: 'send', message, terms: {} });
  }

  /**
   * Sets its wall clock ahead of the true time by this much. With several values, the clock takes them in turn, one
   * with each reading. The process must have been started with such a clock. Resolves with the time that the clock
   * shows.
   */
  async setClock(...aheadMs: readonly number[]): Promise<number> {
    return Number(await this.#order({ do: 'setClock', aheadMs }));
  }

  #order(order: Order): Promise<unknown> {
    const number = (this.#orders += 1);
    return new Promise((resolve, reject) => {
      const onMessage = (answer: Numbered<Answer>): void => {
        if (answer.number !== number) return;
        this.process.child.off('message', onMessage);
        if ('code' in answer) reject(Object.assign(new Error('The call failed.'), answer));
        else resolve(answer.value);
      };
      this.process.child.on('message', onMessage);
      void this.ended().then(() => {
        const error = new Error('The consumer process has ended.');
        reject(Object.assign(error, { code: 'OUTCOME_UNKNOWN' }));
      });
      this.process.child.send({ ...order, number });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.process.signal(signal);
  }

  /** Resolves when it has ended and all of its output has been read. */
  ended(): Promise<void> {
    return this.process.ended();
  }

  kill(): Promise<void> {
    return this.process.kill();
  }

  /**
   * For the end of a test, in whatever state the process is: ends it in order if possible, so that it leaves its queue.
   */
  close(): Promise<void> {
    return this.process.close();
  }
}

function preloadOf({ clockAheadMs, sleeps, addressFile }: ConsumerSettings): string | undefined {
  if (addressFile !== undefined) return 'programs/changing-name.js';
  if (sleeps === true) return 'programs/sleeping-clock.js';
  return clockAheadMs === undefined ? undefined : 'programs/wrong-clock.js';
}
