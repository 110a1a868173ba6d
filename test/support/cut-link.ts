import {
  OutcomeUnknownError,
  RedisUnavailableError,
} from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import { nodeRuntime } from '../../libs/redis-queue-transport/src/core/process/node-runtime.js';
import { DirectLink } from '../../libs/redis-queue-transport/src/memory/link/direct-link.js';
import type {
  BlockingCommand,
  Command,
  Link,
  Subscription,
} from '../../libs/redis-queue-transport/src/memory/link/link.js';

/** What listens, from the first `hear` to its end. */
interface Hearing {
  stop(): void;
  goOn(): Promise<void>;
}

/** A link to a store in memory that a test cuts and restores. Nothing is executed while it is cut. */
export class CutLink implements Link {
  readonly #direct = new DirectLink(nodeRuntime);
  #isCut = false;
  /** How often it was restored. */
  connection = 0;
  /** Callers that wait for it to be restored. */
  #waiting: (() => void)[] = [];
  /** What ends each call that blocks. */
  readonly #blocked = new Set<() => void>();
  readonly #hearings = new Set<Hearing>();

  cut(): void {
    this.#isCut = true;
    for (const end of this.#blocked) end();
    for (const hearing of this.#hearings) hearing.stop();
  }

  restore(): void {
    this.#isCut = false;
    this.connection += 1;
    for (const goOn of this.#waiting.splice(0)) goOn();
    for (const hearing of this.#hearings) void hearing.goOn();
  }

  async ready(withinMs: number): Promise<void> {
    if (!this.#isCut) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.#assertOpen('connect');
  }

  async call<T>(action: string, command: Command<T>): Promise<T> {
    this.#assertOpen(action);
    return this.#direct.call(action, command);
  }

  async block<T>(
    action: string,
    command: BlockingCommand<T>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    this.#assertOpen(action);
    let unblock = (): void => undefined;
    const blocking: BlockingCommand<T> = (answer) => (unblock = command(answer));
    const answered = this.#direct.block(action, blocking, signal);
    let end = (): void => undefined;
    const cut = new Promise<never>((_, reject) => {
      end = () => {
        unblock();
        reject(new OutcomeUnknownError(`Cannot ${action}: the link was cut meanwhile.`));
      };
    });
    this.#blocked.add(end);
    return Promise.race([answered, cut]).finally(() => this.#blocked.delete(end));
  }

  async hear<News>(
    action: string,
    subscription: Subscription<News>,
    onNews: (news: News) => void,
    onInterrupted: () => void,
  ): Promise<() => void> {
    this.#assertOpen(action);
    const hear = (): Promise<() => void> => this.#direct.hear(action, subscription, onNews);
    let stop = await hear();
    const hearing: Hearing = {
      stop: () => stop(),
      goOn: async () => {
        stop = await hear();
        onInterrupted();
      },
    };
    this.#hearings.add(hearing);
    return () => {
      this.#hearings.delete(hearing);
      stop();
    };
  }

  close(): void {
    this.#isCut = true;
    this.#hearings.clear();
    for (const goOn of this.#waiting.splice(0)) goOn();
    this.#direct.close();
  }

  #assertOpen(action: string): void {
    if (!this.#isCut) return;
    throw new RedisUnavailableError(`Cannot ${action}: the link is cut. Nothing was sent.`);
  }
}
