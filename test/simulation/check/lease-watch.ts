import type { StoredQueue } from '../../../libs/redis-queue-transport/src/memory/store/stored-queue.js';

/** What is asked of the run. */
export interface LeaseRun {
  readonly queues: readonly StoredQueue[];
  readonly time: { readonly now: number };
  violate(rule: string, what: string): void;
  /** It belongs to a process that is up, and to which nothing has happened. */
  isHealthy(consumer: string): boolean;
}

/** Which consumers have a lease, and which have lost it, as the store says and by the time of the run. */
export class LeaseWatch {
  /** When each consumer was seen to have lost its lease to others. */
  #fencedAtMs = new Map<string, number>();
  readonly #firstFencedAtMs = new Map<string, number>();
  /** When a primary took over that does not know their lease. */
  readonly #forgottenAtMs = new Map<string, number>();
  readonly #members = new Set<string>();
  /** Those that know of their lease: the answer to a join can be lost, and its lease then ends. */
  readonly #joined = new Set<string>();

  constructor(private readonly run: LeaseRun) {}

  /** Whether any consumer has lost its lease. */
  get hasFenced(): boolean {
    return this.#fencedAtMs.size > 0 || this.#forgottenAtMs.size > 0;
  }

  fencedAtMs(consumer: string): number | undefined {
    return this.#fencedAtMs.get(consumer) ?? this.#forgottenAtMs.get(consumer);
  }

  /** Even if a failover has undone it. */
  firstFencedAtMs(consumer: string): number | undefined {
    return this.#firstFencedAtMs.get(consumer) ?? this.#forgottenAtMs.get(consumer);
  }

  joined(consumer: string): void {
    this.#joined.add(consumer);
  }

  /** An exchange that was asked for at that time was answered, and not by `leaseLost`. */
  exchanged(consumer: string, askedAtMs: number): void {
    const fencedAt = this.fencedAtMs(consumer);
    if (fencedAt === undefined || fencedAt >= askedAtMs) return;
    this.run.violate('nothing without a lease', `${consumer} settled and took messages`);
  }

  /** To be called after each command. */
  look(): void {
    for (const queue of this.run.queues) {
      for (const consumer of queue.consumers.keys()) this.#members.add(consumer);
      for (const consumer of this.#members)
        if (!queue.consumers.has(consumer) && queue.fenced.has(consumer))
          if (!this.#fencedAtMs.has(consumer)) this.#noteFenced(consumer);
    }
  }

  #noteFenced(consumer: string): void {
    const { now } = this.run.time;
    this.#fencedAtMs.set(consumer, now);
    if (!this.#firstFencedAtMs.has(consumer)) this.#firstFencedAtMs.set(consumer, now);
    if (this.#joined.has(consumer) && this.run.isHealthy(consumer))
      this.run.violate('a healthy consumer keeps its lease', `${consumer} lost it`);
  }

  /** Notes what a replica knows. Returns what is to be called when that has become the primary. */
  remember(): () => void {
    const before = new Map(this.#fencedAtMs);
    return () => {
      this.#fencedAtMs = new Map(before);
      const has = (consumer: string): boolean =>
        this.run.queues.some((queue) => queue.consumers.has(consumer));
      for (const consumer of this.#members)
        if (!has(consumer) && !before.has(consumer))
          this.#forgottenAtMs.set(consumer, this.run.time.now);
    };
  }
}
