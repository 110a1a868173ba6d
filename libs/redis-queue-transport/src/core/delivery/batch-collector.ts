import { AsyncResource } from 'node:async_hooks';
import { BatchItem } from './batch-item.js';
import type { Delivery } from './delivery.js';
import { HandlerTimeoutError } from '../errors/abort-reasons.js';
import type { Result } from './outcome.js';
import { OwnPlaces } from './places.js';
import type { Places } from './places.js';
import type { Gate } from '../lease/start-gate.js';
import type { Runtime, Timer } from '../process/runtime.js';

export interface BatchTerms {
  /** Most deliveries in one batch. */
  readonly size: number;
  /** How long, in ms, the first message of a batch waits for others; 0 for only those that arrived with it. */
  readonly waitMs: number;
  /** How many batches may run at once. */
  readonly concurrency: number;
  /** How long, in ms, a batch may run; undefined for no limit. */
  readonly timeoutMs: number | undefined;
  /** Whether the message has expired. */
  readonly isExpired: (delivery: Delivery) => boolean;
  /** The places of all handlers of the process, of which each batch takes one; undefined for no limit. */
  readonly places?: Places | undefined;
  /** Called with each delivery when its batch begins. */
  readonly onBegin?: ((delivery: Delivery) => void) | undefined;
}

/** Runs the user's handler for a batch. The result applies to all messages that the handler did not settle itself. */
export type RunBatch<T> = (items: readonly BatchItem<T>[]) => Promise<Result>;

/**
 * Gathers deliveries into batches. A batch starts when it is full, or when its first message has waited long enough,
 * and a place is free. Still, each delivery has its own result.
 *
 * A suspect does not wait for others: it is a batch of one.
 */
export class BatchCollector<T> {
  /** Gathered deliveries that have not started, in order. */
  #gathered: BatchItem<T>[] = [];
  /** The first one has waited long enough. */
  #isDue = false;
  #timer: Timer | undefined;
  #running = 0;
  readonly #home = new AsyncResource('RedisQueueBatches');
  readonly #places: OwnPlaces | undefined;
  #gate: Gate | undefined;
  #isWaitingAtGate = false;

  constructor(
    private readonly terms: BatchTerms,
    private readonly runBatch: RunBatch<T>,
    private readonly runtime: Runtime,
  ) {
    const { places } = terms;
    this.#places = places && new OwnPlaces(places, () => this.#beginDue());
  }

  /** No batch starts while this gate is shut. */
  useGate(gate: Gate): void {
    this.#gate = gate;
  }

  /** Calls `end` once with the result of this delivery, after this method has returned. */
  add(delivery: Delivery, data: T, end: (result: Result) => void): void {
    // Its consumer has given it up, so its result no longer counts.
    if (delivery.isAborted) return queueMicrotask(() => end({ kind: 'failed', error: undefined }));
    const addedAt = this.terms.waitMs === 0 ? 0 : this.runtime.now();
    this.#gathered.push(new BatchItem(delivery, data, addedAt, end, this.#home));
    if (delivery.envelope.crashes > 0) this.#isDue = true;
    this.#beginDue();
    if (this.#gathered.length === 1 && !this.#isDue) this.#wait(this.terms.waitMs);
  }

  /** Removes and returns deliveries that have not started, in order. They get no result. */
  takeBackUnstarted(): readonly Delivery[] {
    return this.#takeAll().map(({ delivery }) => delivery);
  }

  #wait(ms: number): void {
    const ripen = (): void => {
      this.#isDue = this.#gathered.length > 0;
      this.#beginDue();
    };
    if (this.terms.waitMs === 0) process.nextTick(ripen);
    else this.#timer = this.runtime.setTimeout(ripen, ms);
  }

  #beginDue(): void {
    const { size } = this.terms;
    while (this.#mayBegin())
      this.#begin(this.#gathered.length <= size ? this.#takeAll() : this.#takeFirst());
    this.#places?.release();
  }

  #mayBegin(): boolean {
    const { size, concurrency } = this.terms;
    if (this.#running >= concurrency) return false;
    const isRipe = this.#isDue || this.#gathered.length >= size;
    return isRipe && this.#isOpen() && this.#places?.keep(1) !== 0;
  }

  /**
   * Whether a batch may start now: the lease may have ended while it gathered. When the gate opens, due batches start.
   */
  #isOpen(): boolean {
    const gate = this.#gate;
    if (gate === undefined || gate.mayStart()) return true;
    if (this.#isWaitingAtGate) return false;
    this.#isWaitingAtGate = true;
    void gate.opened().then(() => {
      this.#isWaitingAtGate = false;
      this.#beginDue();
    });
    return false;
  }

  #takeAll(): BatchItem<T>[] {
    const items = this.#gathered;
    this.#gathered = [];
    this.#isDue = false;
    this.runtime.clearTimeout(this.#timer);
    return items;
  }

  /** More had gathered than fit into one batch: the first of the rest may have waited long enough, too. */
  #takeFirst(): BatchItem<T>[] {
    const { size, waitMs } = this.terms;
    const items = this.#gathered.splice(0, size);
    this.runtime.clearTimeout(this.#timer);
    const waitedMs = this.runtime.now() - (this.#gathered[0]?.addedAt ?? 0);
    this.#isDue = waitMs === 0 || waitedMs >= waitMs;
    if (!this.#isDue) this.#wait(waitMs - waitedMs);
    return items;
  }

  #begin(gathered: readonly BatchItem<T>[]): void {
    const items = this.#stillInTime(gathered);
    if (items.length === 0) return;
    this.#running += 1;
    this.#gate?.began();
    this.#places?.begin();
    const { timeoutMs, onBegin } = this.terms;
    if (onBegin !== undefined) for (const { delivery } of items) onBegin(delivery);
    const result = timeoutMs === undefined ? this.#run(items) : this.#runInTime(items, timeoutMs);
    void result.then((ended) => {
      for (const item of items) item.settle(ended);
      this.#running -= 1;
      this.#places?.end();
      this.#beginDue();
    });
  }

  /** Time has passed while they gathered. */
  #stillInTime(items: readonly BatchItem<T>[]): readonly BatchItem<T>[] {
    const { isExpired } = this.terms;
    if (!items.some(({ delivery }) => isExpired(delivery))) return items;
    const inTime: BatchItem<T>[] = [];
    const expired: BatchItem<T>[] = [];
    for (const item of items) (isExpired(item.delivery) ? expired : inTime).push(item);
    // Not now: the caller of `add` continues first.
    queueMicrotask(() => {
      for (const item of expired) item.settle({ kind: 'expired' });
    });
    return inTime;
  }

  /**
   * Never rejects. The handler starts after the caller of `add` has continued, so no delivery ends before `add`
   * returns.
   */
  #run(items: readonly BatchItem<T>[]): Promise<Result> {
    return Promise.resolve(items)
      .then(this.runBatch)
      .catch((error: unknown): Result => ({ kind: 'failed', error }));
  }

  /** A handler cannot be stopped. After its time, the signals fire, and its result no longer counts. */
  async #runInTime(items: readonly BatchItem<T>[], timeoutMs: number): Promise<Result> {
    let timer: Timer | undefined;
    const timeout = new Promise<Result>((resolve) => {
      timer = this.runtime.setTimeout(() => resolve(abortAll(items, timeoutMs)), timeoutMs);
    });
    try {
      return await Promise.race([this.#run(items), timeout]);
    } finally {
      this.runtime.clearTimeout(timer);
    }
  }
}

function abortAll<T>(items: readonly BatchItem<T>[], timeoutMs: number): Result {
  const error = new HandlerTimeoutError(items[0]?.delivery.queue ?? '', timeoutMs);
  for (const { delivery } of items) delivery.abort(error);
  return { kind: 'failed', error };
}
