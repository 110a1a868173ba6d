import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { QueueDump } from '../support/queue-dump.js';

/** When a lease ends that a test lets end. */
export const ENDED_MS = 1;

/** What the contract suite needs beside the broker: to look at what is held, and to play foreign programs and fate. */
export interface BrokerWorld {
  /** A connected broker, as a process of its own would have it. Closed after the test. */
  open(): Promise<Broker>;
  dump(queue: string): Promise<QueueDump>;
  /** Appends elements as a program without this library would. */
  pushForeign(queue: string, ...elements: (string | Buffer)[]): Promise<void>;
  /** Adds suspects, as if a process had died while it ran them; consumers are told. */
  pushSuspects(queue: string, ...elements: (string | Buffer)[]): Promise<void>;
  /** Lets the consumer's lease end now, as if it had been silent for the whole of it: at {@link ENDED_MS}. */
  endLease(queue: string, consumer: string): Promise<void>;
  /** Lets the consumer's lease end at this time of Redis, in ms. */
  moveLeaseEnd(queue: string, consumer: string, endsAtMs: number): Promise<void>;
  /** Lets so much of every lease pass. */
  age(queue: string, ms: number): Promise<void>;
  /** Has these consumers be fenced, as if each had lost its lease just now. */
  fence(queue: string, ...consumers: string[]): Promise<void>;
  /** Lets the time pass for which late commands of a fenced consumer are expected, with nobody there to look. */
  endFence(queue: string, consumer: string): Promise<void>;
  /** Removes everything that the consumer holds, as somebody with the wrong command could. */
  dropHeld(queue: string, consumer: string): Promise<void>;
  /** Removes the suspects, as if they had been run. */
  dropSuspects(queue: string): Promise<void>;
  /** Executes a take that the consumer sent long ago. */
  lateTake(queue: string, consumer: string, from?: 'waiting' | 'suspects'): Promise<void>;
  /** Stops the queue, or lets it go on, as an operator would; consumers are told. */
  setPaused(queue: string, isPaused: boolean): Promise<void>;
  /** Says that consumers of this test were fenced, and so may still be remembered when it ends. */
  expectFenced(): void;
}
