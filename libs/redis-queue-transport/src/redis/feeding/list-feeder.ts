import type { ListSource } from '../../core/broker/broker.js';
import { RedisRefusedError } from '../../core/errors/errors.js';
import { repeatUntilStopped } from '../../core/process/until-stopped.js';
import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { feed } from './feed.script.js';

/** Longest time in ms of one blocking call while the list is empty. */
export const FEED_WAIT_MS = 5_000;
/**
 * Moves what stands in a list of somebody else's to the tail of a queue, on a connection of its own: many at a time while
 * there is more, else one with each blocking call, which a script then takes on. Redis makes each move whole or not at
 * all, so that what happens to this process, or to an answer, loses nothing and doubles nothing.
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

  /** Resolves when it has begun. @throws RedisRefusedError when the key is no list, RedisUnavailableError */
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

  /** After a wait in vain too: what another feeder took, and could not take on, is taken on by who comes next. */
  async #feed(): Promise<void> {
    const mustWait = !this.#mayBeMore;
    // If this fails: a full Redis refuses the wait, and lets what is there already be moved.
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

  /** For as long as it takes, within bounds. Whatever came is in `fed` then. */
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
