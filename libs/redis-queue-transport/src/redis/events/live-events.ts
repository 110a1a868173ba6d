import type { RecoveryTerms } from '../../core/broker/broker.js';
import { isWildcard } from '../../core/events/event-patterns.js';
import { RecoveredEvents } from '../history/recovered-events.js';
import type { RecoveredContext } from '../history/recovered-events.js';
import type { Subscriptions } from './subscriptions.js';

type Listeners = ReadonlyMap<string, (element: Buffer) => void>;

/** The live listeners of one process. */
export class LiveEvents {
  #recovered: RecoveredEvents | undefined;

  constructor(
    private readonly context: RecoveredContext,
    private readonly subscriptions: Subscriptions,
    /** Starts to listen to channels. */
    private readonly listen: (listeners: Listeners) => Promise<void>,
  ) {}

  async subscribe(
    patterns: readonly string[],
    onEvent: (pattern: string, element: Buffer) => void,
    recovery: RecoveryTerms | undefined,
  ): Promise<void> {
    const plain = patterns.filter((pattern) => recovery?.withinMs.has(pattern) !== true);
    const listeners = plain.map((pattern): [string, (element: Buffer) => void] => [
      this.context.keys.event(pattern),
      (element) => onEvent(pattern, element),
    ]);
    this.#recovered = recovery && new RecoveredEvents(this.context, recovery, onEvent);
    await this.#recovered?.assertKept();
    await this.listen(new Map([...listeners, ...(this.#recovered?.listeners ?? [])]));
    // Listeners that recover hear the channel of their history, so nobody needs to publish to their wildcards.
    const recovering = patterns.filter(
      (pattern) => !plain.includes(pattern) && !isWildcard(pattern),
    );
    await this.subscriptions.listenTo([...plain, ...recovering]);
    await this.#recovered?.start();
  }

  /** Events published while the connection was lost were missed. */
  interrupted(): void {
    void this.subscriptions.listenAgain(this.context.onError);
    this.#recovered?.catchUp();
  }

  stop(): void {
    this.#recovered?.stop();
    this.subscriptions.stop();
  }
}
