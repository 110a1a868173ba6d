import type { Redis } from 'ioredis';
import { placeOfQueue } from './place-of-queue.js';

/** The facts of a dead letter in its header. */
export interface DeadFacts {
  readonly reason: string;
  readonly error: { readonly name: string; readonly message: string };
  readonly attempt: number;
  readonly queue: string;
  readonly consumer: string;
}

export interface DeadLetterView {
  /** From the header of the original element; empty if it had none that can be read. */
  readonly header: Readonly<Record<string, unknown>>;
  readonly dead: DeadFacts;
  readonly body: string;
}

/** One queue as redis-cli shows it. */
export class QueueView {
  constructor(
    private readonly redis: Redis,
    private readonly prefix: string,
    private readonly name: string,
  ) {}

  get waitingKey(): string {
    return this.#key('waiting');
  }

  waiting(): Promise<string[]> {
    return this.redis.lrange(this.waitingKey, 0, -1);
  }

  /** Found running when a process died, and not run again yet. */
  suspects(): Promise<string[]> {
    return this.redis.lrange(this.#key('suspects'), 0, -1);
  }

  /** Oldest first. */
  async dead(): Promise<DeadLetterView[]> {
    const entries = await this.redis.xrange(this.#key('dead'), '-', '+');
    return entries.map(([, [, element = '']]) => readDeadLetter(element));
  }

  /** How many deliveries live consumers hold. */
  async held(): Promise<number> {
    const keys = await this.redis.keys(this.#key('processing:*').replace(/[[\]?\\]/g, '?'));
    const lengths = await Promise.all(keys.map((key) => this.redis.llen(key)));
    return lengths.reduce((sum, length) => sum + length, 0);
  }

  async expired(): Promise<number> {
    return Number(await this.redis.hget(this.#key('counts'), 'expired'));
  }

  #key(what: string): string {
    return `${this.prefix}:${placeOfQueue(this.name)}:${what}`;
  }
}

function readDeadLetter(element: string): DeadLetterView {
  const [facts, original] = splitLine(element);
  // Test data: the library has just written it, and a wrong shape fails the assertions.
  const { dead } = JSON.parse(facts) as { dead: DeadFacts };
  try {
    const [header, body] = splitLine(original);
    return { header: JSON.parse(header) as Record<string, unknown>, dead, body };
  } catch {
    return { header: {}, dead, body: original }; // an element without a header that can be read
  }
}

function splitLine(element: string): [string, string] {
  const end = element.indexOf('\n');
  return [element.slice(0, end), element.slice(end + 1)];
}
