import type { Exchange, Lease, LeaseTerms, Renewal } from '../../core/broker/lease.js';
import { notYet } from '../process/not-yet.js';
import type { Surroundings } from '../process/surroundings.js';
import type { StoredQueue } from '../store/stored-queue.js';

/** One consumer's lease. It knows what it has handed out, and so notices what a lost answer left in its list. */
export class MemoryLease implements Lease {
  constructor(
    readonly consumer: string,
    private readonly terms: LeaseTerms,
    private readonly queue: StoredQueue,
    private readonly at: Surroundings,
  ) {}

  exchange(): Promise<Exchange | 'leaseLost'> {
    void this.terms;
    void this.at;
    return notYet('exchange');
  }

  wait(): Promise<Buffer | 'leaseLost' | undefined> {
    return notYet('wait');
  }

  wasHandled(): Promise<boolean> {
    return notYet('wasHandled');
  }

  parkedBody(): Promise<Buffer | 'leaseLost' | undefined> {
    return notYet('parkedBody');
  }

  renew(): Promise<Renewal | 'leaseLost'> {
    return notYet('renew');
  }

  reclaim(): Promise<number> {
    return notYet('reclaim');
  }

  findLateTakes(): Promise<readonly string[]> {
    return notYet('findLateTakes');
  }

  leave(): Promise<void> {
    return notYet(`leave ${this.queue.consumers.size}`);
  }
}
