import type { Limited } from '../../core/broker/limit.js';
import type {
  Exchange,
  Lease,
  ReadKey,
  Renewal,
  RenewalTime,
  Settlement,
  TimeStep,
  TrialStep,
  UnkeyedPart,
} from '../../core/broker/lease.js';

/** A lease that can end as if its process had died: nothing that its consumer does reaches the broker any more. */
export class WatchedLease implements Lease {
  readonly #death = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();
  #isNoticed = false;

  constructor(
    private readonly lease: Lease,
    readonly queue: string,
  ) {}

  get consumer(): string {
    return this.lease.consumer;
  }

  /** It has died, and its consumer does not know yet. */
  get isUnnoticed(): boolean {
    return this.#death.signal.aborted && !this.#isNoticed;
  }

  /** Ends it. What was on its way to the broker still arrives, as in a process that dies. */
  die(): void {
    this.#death.abort();
  }

  /** Resolves when nothing of it can arrive any more. */
  async silence(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  exchange(
    settlements: readonly Settlement[],
    take: number,
    trial?: TrialStep,
    time?: TimeStep,
  ): Promise<Exchange | 'leaseLost'> {
    return this.#whileAlive(() => this.lease.exchange(settlements, take, trial, time));
  }

  wait(signal: AbortSignal): Promise<Buffer | Limited | 'leaseLost' | 'look' | undefined> {
    const either = AbortSignal.any([signal, this.#death.signal]);
    return this.#whileAlive(() => this.lease.wait(either));
  }

  wasHandled(messageId: string): Promise<boolean> {
    return this.lease.wasHandled(messageId);
  }

  parkedBody(parked: string): Promise<Buffer | 'leaseLost' | undefined> {
    return this.#whileAlive(() => this.lease.parkedBody(parked));
  }

  readUnkeyed(
    read: readonly ReadKey[],
    most: number,
  ): Promise<UnkeyedPart | 'others' | 'leaseLost'> {
    return this.#whileAlive<UnkeyedPart | 'others'>(() => this.lease.readUnkeyed(read, most));
  }

  passUnkeyed(): Promise<'done' | 'more' | 'leaseLost'> {
    return this.#whileAlive<'done' | 'more'>(() => this.lease.passUnkeyed());
  }

  renew(when?: RenewalTime): Promise<Renewal | 'leaseLost'> {
    return this.#whileAlive(() => this.lease.renew(when));
  }

  reclaim(consumer: string, seenEndMs?: number): Promise<number> {
    return this.lease.reclaim(consumer, seenEndMs);
  }

  findLateTakes(fenced: readonly string[]): Promise<readonly string[]> {
    return this.lease.findLateTakes(fenced);
  }

  /** The dead give nothing back. */
  async leave(): Promise<void> {
    if (!this.#death.signal.aborted) await this.lease.leave();
  }

  async #whileAlive<T>(call: () => Promise<T | 'leaseLost'>): Promise<T | 'leaseLost'> {
    if (this.#death.signal.aborted) return this.#lost();
    const calling = call();
    this.#underWay.add(calling);
    try {
      const answer = await calling;
      return this.#death.signal.aborted ? this.#lost() : answer;
    } finally {
      this.#underWay.delete(calling);
    }
  }

  #lost(): 'leaseLost' {
    this.#isNoticed = true;
    return 'leaseLost';
  }
}
