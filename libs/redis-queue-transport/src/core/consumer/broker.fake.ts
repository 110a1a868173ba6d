import type { Lease, LeaseTerms } from '../broker/lease.js';
import type { WakeNews } from '../broker/broker.js';
import type { ConsumerBroker } from './consumer-parts.js';
import { FakeLease } from '../broker/lease.fake.js';

/** Gives leases without Redis. */
export class FakeBroker implements ConsumerBroker {
  readonly leases: FakeLease[] = [];
  timeMs = 1_000_000;
  #tell: (news: WakeNews) => void = () => undefined;

  /** The last lease that it gave. */
  get lease(): FakeLease {
    const lease = this.leases.at(-1);
    if (lease === undefined) throw new Error('Nobody has joined.');
    return lease;
  }

  join(_queue: string, _terms: LeaseTerms, onWake: (news: WakeNews) => void): Promise<Lease> {
    const lease = new FakeLease(`consumer ${this.leases.length + 1}`);
    this.leases.push(lease);
    this.#tell = onWake;
    return Promise.resolve(lease);
  }

  tell(news: WakeNews): void {
    this.#tell(news);
  }

  nowMs(): number {
    return this.timeMs;
  }

  isReplyList(list: string): boolean {
    return list === 'replies';
  }
}
