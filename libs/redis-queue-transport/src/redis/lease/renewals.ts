import type { LeaseTerms, Renewal, RenewalTime } from '../../core/broker/lease.js';
import type { LeaseSurroundings } from './lease-surroundings.js';
import type { RenewReply } from './renew.script.js';
import type { Renewed } from './renewal-rounds.js';

/** Dropped dead letters are reported at most once in this time. */
const TELL_DROPPED_EVERY_MS = 60_000;

/** How often old dead letters are looked for; more often if they are kept for less time. */
const TRIM_EVERY_MS = 60_000;

/** What a lease knows of its queue. */
export interface LeaseKnowledge {
  /** When the next delayed message is due, in Redis's form; undefined if this lease is not the timekeeper. */
  due(): string | undefined;
  /** How many messages it holds. */
  holds(): number;
}

/** Renews one lease, and has old dead letters dropped along with it. */
export class Renewals {
  /** By `performance.now()`. */
  #nextTrim = 0;
  /** By `performance.now()`. */
  #nextTold = 0;
  readonly #lease: Renewed;

  constructor(
    private readonly consumer: string,
    private readonly terms: LeaseTerms,
    private readonly at: LeaseSurroundings,
    private readonly knows: LeaseKnowledge,
  ) {
    const { leaseMs } = terms;
    this.#lease = { leaseMs, keys: { ...at.keys, processing: at.keys.processing(consumer) } };
    at.rounds.add(this.#lease);
  }

  async renew(when: RenewalTime): Promise<Renewal | 'leaseLost'> {
    const reply = await this.#renew(when, () => (performance.now() < this.#nextTold ? 0 : 1));
    if (reply === 'leaseLost') return reply;
    const { nowMs, doubtful, fenced, deadLettersDropped, hasUnkeyed } = reply;
    if (deadLettersDropped > 0) this.#nextTold = performance.now() + TELL_DROPPED_EVERY_MS;
    return {
      nowMs,
      doubtful,
      fenced,
      ...(deadLettersDropped > 0 && { deadLettersDropped }),
      ...(hasUnkeyed && { hasUnkeyed }),
    };
  }

  /** Whether Redis knows the lease. If so, it is renewed. */
  async isHeld(): Promise<boolean> {
    return (await this.#renew('now', () => 0)) !== 'leaseLost';
  }

  /** No renewal follows. */
  over(): void {
    this.at.rounds.remove(this.#lease);
  }

  async #renew(when: RenewalTime, tellDropped: () => 0 | 1): Promise<RenewReply | 'leaseLost'> {
    const { rounds, waiting } = this.at;
    const reply = await rounds.renew(this.#lease, when, () => ({
      consumer: this.consumer,
      leaseMs: this.terms.leaseMs,
      deadLetterMaxAgeMs: this.#isTrimDue() ? this.terms.deadLetterMaxAgeMs : 0,
      tellDropped: tellDropped(),
      sleep: waiting.sleep.state,
      knownDue: this.knows.due() ?? '',
      holds: this.knows.holds(),
      wake: this.at.keys.wake,
    }));
    if (reply === 'leaseLost') return reply;
    if (reply.mayDropMore) this.#nextTrim = 0;
    this.at.onRenewed(reply.nowMs);
    this.#wakeUp(reply);
    return reply;
  }

  #wakeUp({ wakeUp }: RenewReply): void {
    const { sleep } = this.at.waiting;
    switch (wakeUp) {
      case 'sleepOn':
        return;
      case 'again':
        return sleep.again();
      case 'look':
        return sleep.lookAndWatch();
      case 'lookAround':
        return this.at.lookAround();
      case 'watch':
        return sleep.becomeWatcher();
    }
  }

  #isTrimDue(): boolean {
    const now = performance.now();
    if (now < this.#nextTrim) return false;
    this.#nextTrim = now + Math.min(TRIM_EVERY_MS, this.terms.deadLetterMaxAgeMs);
    return true;
  }
}
