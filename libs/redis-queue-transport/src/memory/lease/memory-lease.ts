import type {
  Exchange,
  Lease,
  LeaseTerms,
  ReadKey,
  Renewal,
  Settlement,
  TimeStep,
  TrialStep,
  UnkeyedPart,
} from '../../core/broker/lease.js';
import type { Limited } from '../../core/broker/limit.js';
import { OutcomeUnknownError } from '../../core/errors/call-errors.js';
import type { Surroundings } from '../process/surroundings.js';
import type { StoredQueue } from '../store/stored-queue.js';
import { BlockingWait } from './blocking-wait.js';
import { exchange } from './exchange.js';
import type { ExchangeAnswer, Taker } from './exchange.js';
import { findStrays, leave, putBackStrays } from './give-back.js';
import { HeldElements } from './held-elements.js';
import { FENCE_MS, findLateTakes, reclaim } from './reclaim.js';
import { passUnkeyed, readUnkeyed } from '../queue/unkeyed.js';
import { renew } from './renew.js';

/** How often dropped dead letters are reported at most. */
const TELL_DROPPED_EVERY_MS = 60_000;

const noop = (): void => undefined;

/** One consumer's lease. It knows what it has handed out, and so notices what a lost answer left in its list. */
export class MemoryLease implements Lease {
  readonly #held = new HeldElements();
  readonly #wait: BlockingWait;
  /** Its list may hold deliveries that it does not know about. */
  #mayHoldStrays = false;
  /** What it last compared its list through: behind another connection may be an earlier store. */
  #comparedThrough: unknown;
  #returning: Promise<void> = Promise.resolve();
  /** By `Runtime.now`. */
  #nextTold = 0;

  constructor(
    readonly consumer: string,
    private readonly terms: LeaseTerms,
    private readonly queue: StoredQueue,
    private readonly at: Surroundings,
  ) {
    this.#wait = new BlockingWait(consumer, terms, queue, at);
    this.#comparedThrough = at.contact.connection;
  }

  /** What it knows may differ from its list: an answer was lost, or the store has come back without its last writes. */
  get #mustCompare(): boolean {
    return this.#mayHoldStrays || this.#comparedThrough !== this.at.contact.connection;
  }

  async exchange(
    settlements: readonly Settlement[],
    take: number,
    trial?: TrialStep,
    time?: TimeStep,
  ): Promise<Exchange | 'leaseLost'> {
    // What a wait has taken but not yet returned looks like a stray.
    if (this.#mustCompare && !this.#wait.isRunning) await this.#returnStrays();
    const waitsBefore = this.#wait.started;
    const wasWaiting = this.#wait.isRunning;
    const known = this.#held.stillHeld(settlements);
    const answer = await this.#exchange(known, take, trial, time);
    if (answer === 'leaseLost') return answer;
    const { held, ...reply } = answer;
    this.#held.remove(known);
    for (const element of reply.taken) this.#held.add(element);
    // During a wait, the list may rightly hold one more than is known.
    const isAlone = !wasWaiting && waitsBefore === this.#wait.started;
    if (isAlone) this.#mayHoldStrays = held > this.#held.length;
    return { ...reply, missing: reply.missing + settlements.length - known.length };
  }

  async #exchange(
    settlements: readonly Settlement[],
    take: number,
    trial: TrialStep | undefined,
    time: TimeStep | undefined,
  ): Promise<ExchangeAnswer | 'leaseLost'> {
    const { contact, names, store } = this.at;
    const { consumer } = this;
    const terms = { ...this.terms, consumer, settlements, take, trial, time };
    try {
      return await contact.call('settle and take messages', () =>
        exchange(this.queue, store.clock.nowMs(), terms, names),
      );
    } catch (error) {
      if (error instanceof OutcomeUnknownError) {
        this.#mayHoldStrays = true;
        this.#held.giveUp(settlements);
      }
      throw error;
    }
  }

  async wait(signal: AbortSignal): Promise<Buffer | Limited | 'leaseLost' | undefined> {
    try {
      const element = await this.#wait.take(signal, () => this.#returning);
      if (Buffer.isBuffer(element)) this.#held.add(element);
      return element;
    } catch (error) {
      if (error instanceof OutcomeUnknownError) this.#mayHoldStrays = true;
      throw error;
    }
  }

  wasHandled(messageId: string): Promise<boolean> {
    const { contact, store } = this.at;
    return contact.call('look up whether a message was handled', () =>
      this.queue.handled.has(messageId, store.clock.nowMs()),
    );
  }

  parkedBody(parked: string): Promise<Buffer | 'leaseLost' | undefined> {
    return this.at.contact.call('read a parked body', () => {
      const body = this.queue.parked.get(parked);
      if (body !== undefined) return Buffer.from(body);
      // Without the lease, another consumer may have handled the message, and the body was removed with it.
      return this.queue.consumers.has(this.consumer) ? undefined : 'leaseLost';
    });
  }

  readUnkeyed(
    read: readonly ReadKey[],
    most: number,
  ): Promise<UnkeyedPart | 'others' | 'leaseLost'> {
    const { contact, names } = this.at;
    return contact.call('read keys from data', () =>
      readUnkeyed(this.queue, this.consumer, read, most, names),
    );
  }

  passUnkeyed(): Promise<'done' | 'more' | 'leaseLost'> {
    return this.at.contact.call('let messages go on without a key', () =>
      passUnkeyed(this.queue, this.consumer),
    );
  }

  async renew(): Promise<Renewal | 'leaseLost'> {
    const { contact, options, store } = this.at;
    const { runtime } = options;
    const tellsDropped = runtime.now() >= this.#nextTold;
    const terms = { ...this.terms, consumer: this.consumer, tellsDropped };
    const renewal = await contact.call('renew a lease', () =>
      renew(this.queue, store.clock.nowMs(), terms),
    );
    if (renewal === 'leaseLost') return renewal;
    const { deadLettersDropped = 0, ...rest } = renewal;
    if (deadLettersDropped === 0) return rest;
    this.#nextTold = runtime.now() + TELL_DROPPED_EVERY_MS;
    return renewal;
  }

  reclaim(consumer: string, seenEndMs?: number): Promise<number> {
    const { contact, names, store } = this.at;
    const { order } = this.terms;
    return contact.call('reclaim deliveries', () =>
      reclaim(this.queue, store.clock.nowMs(), { consumer, seenEndMs, order }, names),
    );
  }

  findLateTakes(fenced: readonly string[]): Promise<readonly string[]> {
    const { contact, store } = this.at;
    return contact.call('look for late takes', () =>
      findLateTakes(this.queue, store.clock.nowMs(), fenced),
    );
  }

  async leave(): Promise<void> {
    const { contact, store } = this.at;
    const mayTakeLate = this.#wait.isRunning || this.#wait.wasTakeLost;
    this.#wait.end();
    await contact.call('leave a queue', () =>
      leave(this.queue, this.#taker, mayTakeLate ? store.clock.nowMs() + FENCE_MS : undefined),
    );
  }

  get #taker(): Taker {
    return { consumer: this.consumer, order: this.terms.order };
  }

  async #returnStrays(): Promise<void> {
    const through = this.at.contact.connection;
    const returned = this.#putBackStrays();
    this.#returning = returned.then(noop, noop);
    await returned;
    this.#mayHoldStrays = false;
    this.#comparedThrough = through;
  }

  async #putBackStrays(): Promise<void> {
    const { consumer, queue } = this;
    const { contact } = this.at;
    for (let isDone = false; !isDone;) {
      const strays = await contact.call('look for strays', () =>
        findStrays(queue, consumer, this.#held.all),
      );
      if (strays === undefined) return;
      // Else they would count for others that a late command takes.
      this.#held.forget(strays.gone);
      if (strays.elements.length === 0) return;
      // If the lease was renewed meanwhile, it looks again.
      isDone = await contact.call('give stray deliveries back', () =>
        putBackStrays(queue, this.#taker, strays),
      );
    }
  }
}
