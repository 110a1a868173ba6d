import { RedisUnavailableError } from '../../core/errors/call-errors.js';
import type { ConnectionHealth } from '../../core/broker/health.js';
import { messageOf } from '../../core/errors/message-of.js';
import { drained } from '../../core/process/drained.js';
import type { Runtime } from '../../core/process/runtime.js';
import type { Store } from '../store/store.js';
import type { BlockingCommand, Command, Link, Subscription } from './link.js';

/** A broker's use of its link: what is under way, how it went, and that nothing is called once it is closed. */
export class Contact {
  #underWay = 0;
  #isClosed = false;
  #answeredAt: number | undefined;
  #failure: { readonly text: string; readonly since: number } | undefined;

  constructor(
    private readonly store: Store,
    private readonly link: Link,
    readonly runtime: Runtime,
  ) {}

  /** Something else after it was lost and restored. */
  get connection(): unknown {
    return this.link.connection;
  }

  /** Whether calls that end by themselves are under way. */
  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  async ready(withinMs: number): Promise<void> {
    this.#assertOpen('connect');
    await this.#follow(this.link.ready(withinMs));
  }

  async call<T>(action: string, command: Command<T>): Promise<T> {
    this.#assertOpen(action);
    this.#underWay += 1;
    try {
      return await this.#follow(this.link.call(action, () => this.store.run(command)));
    } finally {
      this.#underWay -= 1;
    }
  }

  async block<T>(
    action: string,
    command: BlockingCommand<T>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    this.#assertOpen(action);
    const blocking: BlockingCommand<T> = (answer) => this.store.run(() => command(answer));
    return this.#follow(this.link.block(action, blocking, signal));
  }

  async hear<News>(
    action: string,
    subscription: Subscription<News>,
    onNews: (news: News) => void,
    onInterrupted: () => void,
  ): Promise<() => void> {
    this.#assertOpen(action);
    return this.#follow(this.link.hear(action, subscription, onNews, onInterrupted));
  }

  get health(): ConnectionHealth {
    const now = this.runtime.now();
    return {
      failure: this.#failure?.text,
      failingForMs: this.#failure === undefined ? undefined : now - this.#failure.since,
      sinceRoundTripMs: this.#answeredAt === undefined ? undefined : now - this.#answeredAt,
    };
  }

  /** Resolves when calls that end by themselves have ended, or after `withinMs`. */
  drained(withinMs: number): Promise<void> {
    return drained(() => this.isBusy, withinMs, this.runtime);
  }

  close(): void {
    this.#isClosed = true;
    this.link.close();
  }

  async #follow<T>(answered: Promise<T>): Promise<T> {
    try {
      const value = await answered;
      this.#answeredAt = this.runtime.now();
      this.#failure = undefined;
      return value;
    } catch (error) {
      if (error instanceof RedisUnavailableError)
        this.#failure ??= { text: messageOf(error), since: this.runtime.now() };
      throw error;
    }
  }

  #assertOpen(action: string): void {
    if (!this.#isClosed) return;
    throw new RedisUnavailableError(
      `Cannot ${action}: the connection is closed. Nothing was sent.`,
    );
  }
}
