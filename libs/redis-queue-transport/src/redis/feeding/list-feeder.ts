import type { ListSource } from '../../core/broker/broker.js';
import { RedisRefusedError } from '../../core/errors/call-errors.js';
import { repeatUntilStopped } from '../../core/process/until-stopped.js';
import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { feed } from './feed.script.js';

/** How long, in ms, one call blocks while the list is empty. */
export const FEED_WAIT_MS = 5_000;
/**
 * Moves elements of another program's list to the tail of a queue, on a connection of its own: many at a time while there
 * are more, otherwise one with each blocking call, which a script then moves on. Redis makes each move entirely or not at
 * all, so nothing is lost or doubled if this process dies or a reply is lost.
 */
export class ListFeeder {
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;
  #mayBeMore = true;

  constructor(
    private readonly connection: Connection,
    private readonly source: ListSource,
    private readonly keys: Pick<QueueKeys, 'fed' | 'waiting'>,
    private readonly newId: () => string,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Resolves when it has started. @throws RedisRefusedError if the key is not a list, RedisUnavailableError */
  async start(timeoutMs: number): Promise<void> {
    await this.connection.ready(timeoutMs);
    await this.#moveMany();
    const { signal } = this.#stopped;
    if (!signal.aborted) this.#loop = repeatUntilStopped(() => this.#feed(), signal, this.onError);
  }

  /** May be called twice. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.connection.close();
    await this.#loop;
  }

  /** Also after an idle wait: it moves on what another feeder took but could not move on. */
  async #feed(): Promise<void> {
    const mustWait = !this.#mayBeMore;
    // Even if this fails: a full Redis refuses the wait, but lets existing elements be moved.
    this.#mayBeMore = true;
    await this.connection.ready();
    if (mustWait) await this.#waitForOne();
    this.#mayBeMore = await this.#moveMany();
  }

  async #moveMany(): Promise<boolean> {
    const { key: source } = this.source;
    const from = this.#end;
    const moving = feed.run(
      this.connection,
      { source, ...this.keys },
      { from, newId: this.newId() },
    );
    return await moving.catch((error: unknown) => this.#explain(error));
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
    await moving.catch((error: unknown) => this.#explain(error));
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
