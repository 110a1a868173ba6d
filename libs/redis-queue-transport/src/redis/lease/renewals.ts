import type { LeaseTerms, Renewal } from '../../core/broker/lease.js';
import type { LeaseSurroundings } from './lease-surroundings.js';
import { renew } from './renew.script.js';
import type { RenewReply } from './renew.script.js';

/** Dropped dead letters are reported at most once in this time. */
const TELL_DROPPED_EVERY_MS = 60_000;

/** How often old dead letters are looked for; more often if they are kept for less time. */
const TRIM_EVERY_MS = 60_000;

/** Renews one lease, and has old dead letters dropped along with it. */
export class Renewals {
  /** By `performance.now()`. */
  #nextTrim = 0;
  /** By `performance.now()`. */
  #nextTold = 0;

  constructor(
    private readonly consumer: string,
    private readonly terms: LeaseTerms,
    private readonly at: LeaseSurroundings,
  ) {}

  async renew(): Promise<Renewal | 'leaseLost'> {
    const reply = await this.#renew(performance.now() < this.#nextTold ? 0 : 1);
    if (reply === 'leaseLost') return reply;
    const { nowMs, doubtful, fenced, deadLettersDropped } = reply;
    if (deadLettersDropped === 0) return { nowMs, doubtful, fenced };
    this.#nextTold = performance.now() + TELL_DROPPED_EVERY_MS;
    return { nowMs, doubtful, fenced, deadLettersDropped };
  }

  /** Whether Redis knows the lease. If so, it is renewed. */
  async isHeld(): Promise<boolean> {
    return (await this.#renew(0)) !== 'leaseLost';
  }

  async #renew(tellDropped: 0 | 1): Promise<RenewReply | 'leaseLost'> {
    const { commands, keys } = this.at;
    await commands.ready();
    const reply = await renew.run(commands, keys, {
      consumer: this.consumer,
      leaseMs: this.terms.leaseMs,
      deadLetterMaxAgeMs: this.#isTrimDue() ? this.terms.deadLetterMaxAgeMs : 0,
      tellDropped,
    });
    if (reply === 'leaseLost') return reply;
    if (reply.mayDropMore) this.#nextTrim = 0;
    this.at.onRedisTime(reply.nowMs);
    return reply;
  }

  #isTrimDue(): boolean {
    const now = performance.now();
    if (now < this.#nextTrim) return false;
    this.#nextTrim = now + Math.min(TRIM_EVERY_MS, this.terms.deadLetterMaxAgeMs);
    return true;
  }
}
