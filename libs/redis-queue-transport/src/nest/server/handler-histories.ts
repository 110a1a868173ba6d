import type { Broker } from '../../core/broker/broker.js';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { historyValue } from '../../core/events/event-index.js';
import type { HistoryOptions, RedisQueueDeclarations } from '../options/declarations.js';

/** The histories that the handlers of one server ask for. */
export class HandlerHistories {
  /** By pattern. */
  readonly #histories = new Map<string, HistoryOptions>();

  constructor(
    /** What the same server declares. */
    private readonly declarations: RedisQueueDeclarations = {},
  ) {}

  /** @throws InvalidOptionError if another handler, or the server's `declare`, has other bounds for the pattern */
  add(pattern: string, history: HistoryOptions | undefined): void {
    if (history === undefined) return;
    this.#assertSame(pattern, history, this.declarations[pattern]?.history, "the server's declare");
    this.#assertSame(pattern, history, this.#histories.get(pattern), 'another handler of it');
    this.#histories.set(pattern, history);
  }

  async declareAll(broker: Broker): Promise<void> {
    for (const [pattern, history] of this.#histories) await broker.declare({ pattern, history });
  }

  #assertSame(
    pattern: string,
    history: HistoryOptions,
    other: HistoryOptions | undefined,
    whose: string,
  ): void {
    if (other === undefined) return;
    const [shown, otherShown] = [history, other].map(historyValue);
    if (shown === otherShown) return;
    throw new InvalidOptionError(
      'history',
      `The handler of "${pattern}" has the history ${shown}, but ${whose} has ${otherShown}: ` +
        'a pattern has one history, so give both the same bounds',
    );
  }
}
