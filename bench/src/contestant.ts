import type { BenchMessage } from './message.js';

/**
 * What a message is for: `push` is one-way to one consumer, `request` waits for the reply, `broadcast` goes to every
 * subscriber that is up, `durable` to every group of subscribers, up or not, `delay` is handed out later, `keyed` is handled
 * in the order of its key.
 */
export type Verb = 'push' | 'request' | 'broadcast' | 'durable' | 'delay' | 'keyed';

/** How many keys take turns. */
const KEYS = 10_000;

export function keyOf({ n }: BenchMessage): string {
  return `key-${n % KEYS}`;
}

/** Where a contestant's server is, and the queue or subject of this one sample. */
export interface Target {
  readonly url: string;
  readonly queue: string;
}

export interface ConsumerSettings {
  readonly verb: Verb;
  /** How many handlers may run at once; undefined is the contestant's default. */
  readonly concurrency: number | undefined;
  /** How many messages may be taken before they can start; undefined for zero. */
  readonly prefetch: number | undefined;
  /** How many messages a handler gets at once; undefined is one. */
  readonly batch: number | undefined;
  /** How many may run, or start in a time, in all processes together; undefined is no limit. */
  readonly limit?:
    { readonly running?: number; readonly rate?: number; readonly perMs?: number } | undefined;
  /** On how many patterns it listens; only the first gets messages. */
  readonly patterns: number;
}

/** For contestants that have no default of their own. */
export const DEFAULT_CONCURRENCY = 100;

/** What the consumer does with one message; returns the reply to a request. */
export type Handler = (message: unknown) => unknown;

export type Done = (error: unknown, reply?: unknown) => void;

export interface Producer {
  /** Calls `done` once: when the server has confirmed the message, or when the reply to a request has arrived. */
  send(message: BenchMessage, done: Done): void;
  close(): Promise<void>;
}

export interface Consumer {
  close(): Promise<void>;
}

/** The exports of a contestant's module, which only the participants' processes load. */
export interface Contestant {
  /** Resolves when it listens. @throws NotOffered for settings that the contestant does not have */
  openConsumer(target: Target, settings: ConsumerSettings, handler: Handler): Promise<Consumer>;
  /** Resolves when it is connected. */
  openProducer(target: Target, verb: Verb): Promise<Producer>;
}

/** The contestant does not have what this workload needs. */
export class NotOffered extends Error {
  override readonly name = 'NotOffered';
}

/** The names of the patterns of a sample; the first is the one that gets messages. */
export function patternsOf({ queue }: Target, { patterns }: ConsumerSettings): string[] {
  return Array.from({ length: patterns }, (_, n) => (n === 0 ? queue : `${queue}-${n}`));
}

/** For contestants that take a host and a port in place of an address. */
export function hostAndPort({ url }: Target): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
