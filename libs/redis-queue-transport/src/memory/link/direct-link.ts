import { OutcomeUnknownError } from '../../core/errors/call-errors.js';
import type { Runtime } from '../../core/process/runtime.js';
import type { BlockingCommand, Command, Link, Subscription } from './link.js';

/** Executes at once, and answers in the next turn of the event loop. Nothing is ever lost on the way. */
export class DirectLink implements Link {
  readonly connection = 'never cut';
  /** To be called in the next turn, in order. */
  #answers: (() => void)[] = [];
  /** End blocking calls and subscriptions. */
  readonly #open = new Set<() => void>();

  constructor(private readonly runtime: Pick<Runtime, 'setImmediate'>) {}

  ready(): Promise<void> {
    return Promise.resolve();
  }

  call<T>(_action: string, command: Command<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      try {
        const value = command();
        this.#answer(() => resolve(value));
      } catch (error) {
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what it threw is what the caller gets
        this.#answer(() => reject(error));
      }
    });
  }

  block<T>(
    action: string,
    command: BlockingCommand<T>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const ended = (): void => {
        this.#open.delete(cut);
        signal.removeEventListener('abort', unblock);
      };
      const unblock = command((value) => {
        // It may answer while it is executed, before there is anything to end.
        this.#answer(() => {
          ended();
          resolve(value);
        });
      });
      const cut = (): void => {
        ended();
        unblock();
        reject(new OutcomeUnknownError(`Cannot ${action}: the connection was closed meanwhile.`));
      };
      this.#open.add(cut);
      signal.addEventListener('abort', unblock, { once: true });
      if (signal.aborted) unblock();
    });
  }

  hear<News>(
    _action: string,
    subscription: Subscription<News>,
    onNews: (news: News) => void,
  ): Promise<() => void> {
    let isOpen = true;
    const unsubscribe = subscription((news) =>
      this.#answer(() => {
        if (isOpen) onNews(news);
      }),
    );
    const end = (): void => {
      isOpen = false;
      this.#open.delete(end);
      unsubscribe();
    };
    this.#open.add(end);
    return new Promise((resolve) => this.#answer(() => resolve(end)));
  }

  close(): void {
    for (const end of this.#open) end();
  }

  #answer(answer: () => void): void {
    this.#answers.push(answer);
    if (this.#answers.length > 1) return;
    this.runtime.setImmediate(() => {
      const answers = this.#answers;
      this.#answers = [];
      for (const one of answers) one();
    });
  }
}
