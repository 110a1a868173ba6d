import type { ObservedMessage, RedisQueueObserver } from '../lifecycle/observer.js';
import { readDeadLetter, redrivenElement } from '../message/dead-letter.js';
import { idOf } from '../message/envelope.js';
import type { AdminBroker, DeadElement } from './admin-broker.js';
import type { Runtime } from '../process/runtime.js';

/** Sends dead letters again, and tells observers, who may add headers. */
export class Redriver {
  constructor(
    private readonly broker: Pick<AdminBroker, 'redrive'>,
    private readonly observer: Pick<RedisQueueObserver, 'sending' | 'sent' | 'sendFailed'>,
    private readonly runtime: Pick<Runtime, 'now'>,
  ) {}

  /** Returns how many were there. */
  async redrive(queue: string, letters: readonly DeadElement[]): Promise<number> {
    if (letters.length === 0) return 0;
    const { observer } = this;
    const many = letters.length === 1 ? undefined : {};
    const told: ObservedMessage[] = [];
    const again = letters.map(({ entry, element }) => {
      const id = idOf(readDeadLetter(element)?.original ?? element);
      // Plain data has no header to add to.
      if (id === undefined) return { entry, element: redrivenElement(element) };
      const message = { verb: 'redrive', queue, id, many } as const;
      told.push(message);
      return { entry, element: redrivenElement(element, observer.sending?.(message)) };
    });
    const beganAt = this.runtime.now();
    try {
      const count = await this.broker.redrive(queue, again);
      const durationMs = this.runtime.now() - beganAt;
      for (const message of told) observer.sent?.(message, { durationMs });
      return count;
    } catch (error) {
      const durationMs = this.runtime.now() - beganAt;
      for (const message of told) observer.sendFailed?.(message, { error, durationMs });
      throw error;
    }
  }
}
