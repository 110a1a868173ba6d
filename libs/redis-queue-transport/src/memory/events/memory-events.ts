import type { Broker } from '../../core/broker/broker.js';
import type { SubscriptionTerms } from '../../core/broker/lease.js';
import { notYet } from '../process/not-yet.js';
import type { Surroundings } from '../process/surroundings.js';

/** The events of one process: what it emits, declares and listens to. */
export class MemoryEvents implements Pick<Broker, 'publish' | 'declare' | 'subscribe'> {
  constructor(private readonly at: Surroundings) {}

  publish(..._: Parameters<Broker['publish']>): ReturnType<Broker['publish']> {
    return notYet('publish');
  }

  declare(..._: Parameters<Broker['declare']>): Promise<void> {
    return notYet('declare');
  }

  subscribe(..._: Parameters<Broker['subscribe']>): Promise<void> {
    return notYet('subscribe');
  }

  /** Enters what the process wants into the index, before a consumer of it joins the queue. */
  async join(_queue: string, subscription: SubscriptionTerms | undefined): Promise<void> {
    if (subscription !== undefined) await notYet('join with a subscription');
  }

  /** Events may have been missed. */
  interrupted(): void {
    void this.at;
  }
}
