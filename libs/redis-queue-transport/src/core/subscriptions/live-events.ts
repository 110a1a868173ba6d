import type { RecoveryTerms } from '../broker/broker.js';
import { isWildcard } from '../events/event-patterns.js';
import type { Told } from './history-page.js';
import { RecoveredEvents } from './recovered-events.js';
import type { LiveContext } from './recovered-events.js';
import type { Subscriptions } from './subscriptions.js';

/** The listeners of one process, by pattern. */
export interface LiveListeners {
  readonly events: ReadonlyMap<string, (element: Buffer) => void>;
  /** Listeners that hear the events of a history together with their places in it. */
  readonly kept: ReadonlyMap<string, (told: Told) => void>;
}

/** The live listeners of one process. */
export class LiveEvents {
  #recovered: RecoveredEvents | undefined;

  constructor(
    private readonly context: LiveContext,
    private readonly subscriptions: Subscriptions,
    /** Starts to listen. */
    private readonly listen: (listeners: LiveListeners) => Promise<void>,
  ) {}

  async subscribe(
    patterns: readonly string[],
    onEvent: (pattern: string, element: Buffer) => void,
    recovery: RecoveryTerms | undefined,
  ): Promise<void> {
    const plain = patterns.filter((pattern) => recovery?.withinMs.has(pattern) !== true);
    const listeners = plain.map((pattern): [string, (element: Buffer) => void] => [
      pattern,
      (element) => onEvent(pattern, element),
    ]);
    this.#recovered = recovery && new RecoveredEvents(this.context, recovery, onEvent);
    await this.#recovered?.assertKept();
    await this.listen({
      events: new Map(listeners),
      kept: this.#recovered?.listeners ?? new Map<string, never>(),
    });
    // Listeners that recover hear of the history, so nobody needs to publish to their wildcards.
    const recovering = patterns.filter(
      (pattern) => !plain.includes(pattern) && !isWildcard(pattern),
    );
    await this.subscriptions.listenTo([...plain, ...recovering]);
    await this.#recovered?.start();
  }

  /** The connection is lost. */
  cutOff(): void {
    this.#recovered?.interrupt();
  }

  /** Events published while the connection was lost were missed. */
  interrupted(): void {
    void this.subscriptions.listenAgain(this.context.onError);
    this.#recovered?.resume();
  }

  stop(): void {
    this.#recovered?.stop();
    this.subscriptions.stop();
  }
}
