import { Redis } from 'ioredis';
import { DEFAULT_CONCURRENCY } from '../contestant.js';
import type { Contestant, Done, Handler } from '../contestant.js';

/**
 * The ceiling: what ioredis and one list can do with nothing around them. No Nest, no envelope, no retry, no lease.
 * Messages wait in a list and are moved to a second one while they are handled.
 */

/** Settles the batch before by forgetting it, and takes the next one. Replies with its elements. */
const TAKE = `
redis.call('DEL', KEYS[2])
local taken = {}
for n = 1, tonumber(ARGV[1]) do
  local element = redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT')
  if not element then break end
  taken[n] = element
end
return taken`;

interface Element {
  readonly data: unknown;
  /** Requests only: the list for the reply. */
  readonly replyTo?: string;
}

export const openConsumer: Contestant['openConsumer'] = async (
  { url, queue },
  { concurrency = DEFAULT_CONCURRENCY, prefetch },
  handler,
) => {
  const redis = await connected(url);
  const loop = new Loop(redis, queue, prefetch ?? concurrency, concurrency, handler);
  void loop.run();
  return { close: async () => loop.stop() };
};

class Loop {
  #isStopped = false;

  constructor(
    private readonly redis: Redis,
    private readonly queue: string,
    private readonly take: number,
    private readonly concurrency: number,
    private readonly handler: Handler,
  ) {
    redis.defineCommand('takeBatch', { numberOfKeys: 2, lua: TAKE });
  }

  async run(): Promise<void> {
    try {
      while (!this.#isStopped) await this.#next();
    } catch (error) {
      if (!this.#isStopped) throw error;
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.redis.disconnect();
  }

  async #next(): Promise<void> {
    const processing = `${this.queue}:processing`;
    const first = await this.redis.blmove(this.queue, processing, 'RIGHT', 'LEFT', 0);
    let batch = first === null ? [] : [first];
    while (batch.length > 0 && !this.#isStopped) {
      await this.#handle(batch);
      batch = await this.#takeBatch(processing);
    }
  }

  #takeBatch(processing: string): Promise<string[]> {
    // The method that defineCommand adds.
    const { redis } = this as unknown as {
      redis: { takeBatch(from: string, to: string, take: number): Promise<string[]> };
    };
    return redis.takeBatch(this.queue, processing, this.take);
  }

  async #handle(batch: readonly string[]): Promise<void> {
    const replies = new Map<string, string[]>();
    const running: Promise<void>[] = [];
    for (const text of batch) {
      const { data, replyTo } = JSON.parse(text) as Element; // nobody else pushes here
      const reply = (value: unknown): void => {
        if (replyTo === undefined) return;
        const list = replies.get(replyTo) ?? [];
        list.push(JSON.stringify(value));
        replies.set(replyTo, list);
      };
      const result = this.handler(data);
      if (!(result instanceof Promise)) reply(result);
      else if (this.concurrency === 1) reply(await result);
      else running.push(result.then(reply));
    }
    if (running.length > 0) await Promise.all(running);
    // Not awaited: they travel with the next command.
    for (const [list, values] of replies) void this.redis.lpush(list, ...values);
  }
}

export const openProducer: Contestant['openProducer'] = async ({ url, queue }, verb) => {
  const pushes = new TickPusher(await connected(url), queue);
  if (verb !== 'request') {
    return {
      send: (data, done) => pushes.push({ data }, done),
      close: async () => pushes.close(),
    };
  }
  const inbox = new Inbox(await connected(url), `${queue}:replies:${process.pid}`);
  void inbox.run();
  return {
    send: (data, done) => {
      inbox.expect(data.n, done);
      pushes.push({ data, replyTo: inbox.list }, (error) => {
        if (error !== undefined) done(error);
      });
    },
    close: async () => {
      inbox.stop();
      pushes.close();
    },
  };
};

/** Gathers the pushes of one tick into one command. */
class TickPusher {
  #elements: string[] = [];
  #waiting: Done[] = [];

  constructor(
    private readonly redis: Redis,
    private readonly queue: string,
  ) {}

  push(element: Element, done: Done): void {
    if (this.#elements.length === 0) process.nextTick(() => this.#flush());
    this.#elements.push(JSON.stringify(element));
    this.#waiting.push(done);
  }

  #flush(): void {
    const waiting = this.#waiting;
    const pushed = this.redis.lpush(this.queue, ...this.#elements);
    this.#elements = [];
    this.#waiting = [];
    const tell = (error?: unknown): void => {
      for (const done of waiting) done(error);
    };
    pushed.then(() => tell(), tell);
  }

  close(): void {
    this.redis.disconnect();
  }
}

/** The list in which a requester's replies arrive. */
class Inbox {
  readonly #waiting = new Map<number, Done>();
  #isStopped = false;

  constructor(
    private readonly redis: Redis,
    readonly list: string,
  ) {}

  expect(n: number, done: Done): void {
    this.#waiting.set(n, done);
  }

  async run(): Promise<void> {
    try {
      while (!this.#isStopped) {
        const [, replies = []] =
          (await this.redis.blmpop(0, 1, this.list, 'RIGHT', 'COUNT', 1000)) ?? [];
        for (const reply of replies) this.#answer(reply);
      }
    } catch (error) {
      if (!this.#isStopped) throw error;
    }
  }

  #answer(text: string): void {
    const reply = JSON.parse(text) as { readonly n: number }; // an echo of what was sent
    const done = this.#waiting.get(reply.n);
    this.#waiting.delete(reply.n);
    done?.(undefined, reply);
  }

  stop(): void {
    this.#isStopped = true;
    this.redis.disconnect();
  }
}

async function connected(url: string): Promise<Redis> {
  const redis = new Redis(url, { lazyConnect: true });
  await redis.connect();
  return redis;
}
