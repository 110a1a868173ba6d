import type { ListSource } from '../../core/broker/broker.js';
import { RedisRefusedError } from '../../core/errors/call-errors.js';
import { repeatUntilStopped } from '../../core/process/until-stopped.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { mayBeginWithLarge, mayHoldLarge } from '../parking/large-elements.js';
import { LARGE_BYTES } from '../script/script.js';
import { feed } from './feed.script.js';
import { LargeFeeds } from './large-feeds.js';

const noop = (): void => undefined;

/** How long, in ms, one call blocks while the list is empty. */
export const FEED_WAIT_MS = 5_000;

/** Most elements taken at once by plain commands: one at first, then twice as many each time, while all are small. */
const LONGEST_PULL = 16;

/** More than one call moves. */
const ALL = 1_000_000;

/**
 * Moves elements of another program's list to the tail of a queue, on a connection of its own: many at a time while there
 * are more, otherwise one with each blocking call, which a script then moves on. Redis makes each move entirely or not at
 * all, so nothing is lost or doubled if this process dies or a reply is lost.
 *
 * If there may be a large element, plain commands take the next ones and move the large ones on, since a script would
 * take long to read them.
 */
export class ListFeeder {
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;
  #mayBeMore = true;
  #isWaiting = false;
  #moving: Promise<unknown> = Promise.resolve();
  #pull = 1;
  readonly #large: LargeFeeds;

  constructor(
    private readonly connection: Connection,
    /** Has the connection lead to the queue. */
    private readonly lead: () => void,
    private readonly source: ListSource,
    private readonly keys: Pick<QueueKeys, 'fed' | 'waiting' | 'parked' | 'counts'>,
    private readonly newId: () => string,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#large = new LargeFeeds(connection, keys, newId);
  }

  /** Resolves when it has started. @throws RedisRefusedError if the key is not a list, RedisUnavailableError */
  async start(timeoutMs: number): Promise<void> {
    await this.connection.ready(timeoutMs);
    await this.#moveMany();
    const { signal } = this.#stopped;
    if (signal.aborted) return;
    this.#loop = repeatUntilStopped(() => this.#feed(), signal, this.onError, nodeRuntime);
  }

  /** May be called twice. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    // Elements already taken from the list are moved on.
    if (!this.#isWaiting) await this.#moving.catch(noop);
    this.connection.close();
    await this.#loop;
  }

  /** Moves elements even after an idle wait: another feeder may have taken some that it could not move on. */
  async #feed(): Promise<void> {
    const mustWait = !this.#mayBeMore;
    // Even if this fails: a full Redis refuses the wait, but lets existing elements be moved.
    this.#mayBeMore = true;
    this.lead();
    await this.connection.ready();
    if (mustWait) await this.#waitForOne();
    const moving = this.#moveMany();
    this.#moving = moving;
    this.#mayBeMore = await moving;
  }

  /** Returns whether there may be more. */
  async #moveMany(): Promise<boolean> {
    const { isFedLarge, isSourceLarge } = await this.#look();
    if (!isFedLarge && !isSourceLarge) return this.#run(ALL, 1);
    if (!isFedLarge && (await this.#pullSome()) === 'refused') return this.#run(ALL, 1);
    const next = await this.#large.next();
    if (typeof next === 'number') {
      // One call may move fewer, so a large one behind them waits until all of them have gone.
      if (next > 0) await this.#run(next, 0);
      return next > 0;
    }
    if (!(await this.#moveLarge(next))) await this.#run(1, 0);
    return true;
  }

  #run(most: number, readsSource: 0 | 1): Promise<boolean> {
    const { key: source } = this.source;
    const args = { from: this.#end, newId: this.newId(), most, readsSource };
    return feed
      .run(this.connection, { source, ...this.keys }, args)
      .catch((error: unknown) => this.#explain(error));
  }

  /** Returns that nothing is large if the user may not ask. */
  async #look(): Promise<{ readonly isFedLarge: boolean; readonly isSourceLarge: boolean }> {
    const { connection } = this;
    try {
      const [isFedLarge, isSourceLarge] = await Promise.all([
        mayHoldLarge(connection, this.keys.fed),
        mayBeginWithLarge(connection, this.source.key),
      ]);
      return { isFedLarge, isSourceLarge };
    } catch (error) {
      if (error instanceof RedisRefusedError) return { isFedLarge: false, isSourceLarge: false };
      throw error;
    }
  }

  /** Returns false if the script has to read it, for example because a full Redis refuses its body. */
  async #moveLarge(large: Buffer): Promise<boolean> {
    try {
      return await this.#large.move(large);
    } catch (error) {
      if (error instanceof RedisRefusedError) return false;
      throw error;
    }
  }

  #pullOne(): Promise<Buffer | null> {
    const { key } = this.source;
    const { fed } = this.keys;
    return this.connection.run(feed.action, (client) =>
      this.#end === 'LEFT'
        ? client.lmoveBuffer(key, fed, 'LEFT', 'RIGHT')
        : client.lmoveBuffer(key, fed, 'RIGHT', 'RIGHT'),
    );
  }

  /**
   * Takes the next elements by plain commands, which a full Redis refuses. What they take is in `fed`, whatever fails.
   */
  async #pullSome(): Promise<'pulled' | 'refused'> {
    const pulls = await Promise.allSettled(
      Array.from({ length: this.#pull }, () => this.#pullOne()),
    );
    this.#pull = Math.min(LONGEST_PULL, this.#pull * 2);
    for (const pull of pulls) {
      if (pull.status === 'fulfilled') {
        if ((pull.value?.length ?? 0) > LARGE_BYTES) this.#pull = 1;
      } else if (pull.reason instanceof RedisRefusedError) return 'refused';
      else throw pull.reason;
    }
    return 'pulled';
  }

  /** Waits for an element, within bounds. What arrived is then in `fed`. */
  async #waitForOne(): Promise<void> {
    const { key } = this.source;
    const { fed } = this.keys;
    const seconds = FEED_WAIT_MS / 1_000;
    const moving = this.connection.runPurpose(feed.action, (client) =>
      this.#end === 'LEFT'
        ? client.blmove(key, fed, 'LEFT', 'RIGHT', seconds)
        : client.blmove(key, fed, 'RIGHT', 'RIGHT', seconds),
    );
    this.#isWaiting = true;
    try {
      await moving.catch((error: unknown) => this.#explain(error));
    } finally {
      this.#isWaiting = false;
    }
  }

  get #end(): 'LEFT' | 'RIGHT' {
    return this.source.take === 'left' ? 'LEFT' : 'RIGHT';
  }

  /** Redis does not say which key it means. */
  #explain(error: unknown): never {
    if (!(error instanceof RedisRefusedError)) throw error;
    const { key } = this.source;
    const text = `Cannot take messages from the list "${key}": ${error.message}`;
    throw new RedisRefusedError(error.reply, text, { cause: error });
  }
}
