import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { QueueDump } from '../support/queue-dump.js';

/** The end, in ms of Redis's time, of a lease that a test ends. */
export const ENDED_MS = 1;

/** A broker whose connection a test can lose. */
export interface CutBroker {
  readonly broker: Broker;
  /** What it told of interruptions so far: how many there were each time. */
  readonly interruptions: readonly number[];
  /** Loses its connection. None comes back until {@link restore}. Resolves once nothing reaches it any more. */
  cut(): Promise<void>;
  restore(): void;
}

/** What a test ends. */
export interface Closable {
  close(): unknown;
}

/** What contract suites of queues need beside the broker: a view of what is held, other programs, and fate. */
export interface QueueWorld {
  /** A connected broker, as if in another process. Closed after the test. */
  open(): Promise<Broker>;
  /** A tool of its own for looking into queues and managing them. Closed after the test. */
  openAdmin(): AdminBroker;
  /** Closes it after the test, before the brokers. */
  closeLater<T extends Closable>(closable: T): T;
  dump(queue: string): Promise<QueueDump>;
  /** The end of each consumer's lease, in ms of Redis's time. */
  leaseEnds(queue: string): Promise<ReadonlyMap<string, number>>;
  /** The consumer that has the right to run the suspects. */
  trialOf(queue: string): Promise<string | undefined>;
  /** How many consumers wait for a message now. */
  countWaits(): Promise<number>;
  /** Appends elements as a program without this library would. */
  pushForeign(queue: string, ...elements: (string | Buffer)[]): Promise<void>;
  /** Adds suspects, as if a process had died while running them, and wakes the consumers. */
  pushSuspects(queue: string, ...elements: (string | Buffer)[]): Promise<void>;
  /** Ends the consumer's lease at {@link ENDED_MS}, as if the consumer had been silent since it took it. */
  endLease(queue: string, consumer: string): Promise<void>;
  /** Sets the end of the consumer's lease, in ms of Redis's time. */
  moveLeaseEnd(queue: string, consumer: string, endsAtMs: number): Promise<void>;
  /** Lets this much of every lease pass. */
  age(queue: string, ms: number): Promise<void>;
  /** Lets this much of the wait of every delayed message pass. */
  ageDelayed(queue: string, ms: number): Promise<void>;
  /**
   * Lets this much time pass for these queues: for leases that have not ended, delays, ids, keys that rest, and what is
   * fenced. Less than 0: the clock is set back.
   */
  passTime(ms: number, ...queues: readonly string[]): Promise<void>;
  /** Fences these consumers, as if each had just lost its lease. */
  fence(queue: string, ...consumers: string[]): Promise<void>;
  /** Ends the time in which a late command of a fenced consumer is expected, as if nobody had looked. */
  endFence(queue: string, consumer: string): Promise<void>;
  /** Removes everything that the consumer holds, as a wrong command typed by hand could. */
  dropHeld(queue: string, consumer: string): Promise<void>;
  /** Removes everything that waits, as a wrong command typed by hand could. What is in lanes stays. */
  dropWaiting(queue: string): Promise<void>;
  /** Writes how many of a key are counted as out, by hand; undefined removes the count. */
  setOut(queue: string, key: string, out: number | undefined): Promise<void>;
  /** Removes the suspects, as if they had run. */
  dropSuspects(queue: string): Promise<void>;
  /** Executes a take that the consumer sent long ago. By default, it takes from the left of `waiting`. */
  lateTake(
    queue: string,
    consumer: string,
    from?: 'waiting' | 'suspects',
    end?: 'left' | 'right',
  ): Promise<void>;
  /** Pauses or resumes the queue, as an operator would, and wakes the consumers. */
  setPaused(queue: string, isPaused: boolean): Promise<void>;
  /** Adds elements to one end of another program's list, one after the other. */
  pushToList(list: string, end: 'left' | 'right', ...elements: (string | Buffer)[]): Promise<void>;
  /** The content of another program's list, from the left. */
  listOf(list: string): Promise<readonly Buffer[]>;
  /** Leaves what a process took from another program's list and had not moved to the queue when it stopped. */
  leaveFed(queue: string, ...elements: (string | Buffer)[]): Promise<void>;
  /** How much of that is left. */
  leftFed(queue: string): Promise<number>;
  /** Declares that this test fences consumers, so their names may remain when it ends. */
  expectFenced(): void;
}

/** What suites of events and replies need besides. */
export interface BrokerWorld extends QueueWorld {
  /** A connected broker that can be cut off. Closed after the test. */
  openCut(): Promise<CutBroker>;
  /** Loses everything that is held, as a Redis does that starts again without its data. Connections stay. */
  loseAll(): Promise<void>;
  /** Adds an entry to the history of a pattern that no emit made, as another program could. */
  pushForeignEntry(pattern: string): Promise<void>;
  /** Has a replica have died while it filled the queue of a new group: what stands up to this entry is in it. */
  stopFilling(queue: string, entry: string): Promise<void>;
  /** What stands in a reply list, the oldest first. */
  replies(list: string): Promise<readonly Buffer[]>;
  /** How many bodies of large replies stand beside reply lists. */
  repliesAside(): Promise<number>;
  /** Lets the time pass for which a reply list that nobody reads is kept. */
  outlastReplies(list: string): Promise<void>;
  /** Says that this test leaves replies that nobody reads, or notes on replies that nobody wants. */
  expectReplies(): void;
  /** Says that this test leaves messages with parked bodies. */
  expectParked(): void;
}
