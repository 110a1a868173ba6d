import { performance } from 'node:perf_hooks';
import type {
  Broker,
  Exchange,
  Lease,
  Settlement,
  SkipReason,
  SubscriptionTerms,
} from './broker.js';
import type { Delivery } from './delivery.js';
import type { DeliveryRunner } from './delivery-runner.js';
import { DeliverySlots } from './delivery-slots.js';
import type { Held } from './delivery-slots.js';
import { LeaseLostError, ShutdownError, UndecodableError } from './errors.js';
import { inspect } from './intake.js';
import { Membership } from './membership.js';
import type { MessageIds } from './message-id.js';
import { ACK, RELEASE, deadLetter } from './outcome.js';
import type { Outcome } from './outcome.js';
import { GrowingPause, pause } from './pause.js';
import type { Run } from './running.js';
import { settlementOf } from './settlement.js';

export interface ConsumerOptions {
  readonly queue: string;
  /** How many handlers may run at once. */
  readonly concurrency: number;
  /** How many deliveries it may hold, those that run included; at least as many as may run. */
  readonly prefetch: number;
  readonly leaseMs: number;
  readonly deadLetterLimit: number;
  readonly deadLetterMaxAgeMs: number;
  /** A message is parked after so many crashes of the process that ran it. */
  readonly maxCrashes: number;
  /** How long, in ms, an id that was handled is not handled again; undefined without such a promise. */
  readonly onceMs: number | undefined;
  /** The queue takes a group's events. */
  readonly subscription?: SubscriptionTerms | undefined;
}

/** Is told what people should know. Must not throw. */
export interface ConsumerObserver {
  /** A call to Redis failed; it is tried again after a pause. */
  failed(error: unknown): void;
  /** The first call that worked after failures. */
  recovered(): void;
  leaseLost(deliveries: number): void;
  reclaimed(consumer: string, deliveries: number): void;
  retried(delivery: Delivery, delayMs: number): void;
  deadLettered(delivery: Delivery, outcome: Outcome & { readonly kind: 'deadLetter' }): void;
  skipped(delivery: Delivery, why: SkipReason): void;
  /** Settlements found nothing to settle, although the lease holds. */
  missing(deliveries: number): void;
}

type State = 'new' | 'consuming' | 'draining' | 'stopped';

/** Longest time that an idle consumer blocks in one call. */
const LONGEST_WAIT_MS = 5_000;

/** While a queue is quiet, no more than one exchange in so many ms. */
const CALM_EXCHANGE_MS = 2;

/** A consumer that may hold so many starts half of them, settles what has ended by then, and goes on meanwhile. */
const LEAST_TO_HALVE = 64;

/** What Node's timers can take. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Time for the last settlements at a stop, beyond what the handlers got. */
const SETTLE_GRACE_MS = 2_000;

/**
 * Takes from one queue in one process.
 *
 * At most one exchange and at most one wait are under way at any time. The exchange settles what has finished and
 * fills the free slots; what finishes meanwhile goes with the next one. When an exchange finds the queue empty, the
 * consumer waits for one message. Everything that happens ends in `#schedule`, and `#step` decides what is next.
 *
 * A message that was found running when a process died (a suspect) runs alone, so that the next crash tells whether
 * it was to blame.
 */
export class Consumer {
  #state: State = 'new';
  readonly #membership: Membership;
  readonly #slots: DeliverySlots;
  #finished: Settlement[] = [];
  #isStepScheduled = false;
  /** A handler was started in this turn of the event loop. */
  #hasJustBegun = false;
  /** How many more may be started before the next step. */
  #burstLeft = 0;
  readonly #burst: number;
  #turn: NodeJS.Immediate | undefined;
  #isExchanging = false;
  /** Ends the wait that is under way. */
  #waiting: AbortController | undefined;
  /** An exchange is worth while although nothing finished. */
  #mustLook = true;
  #isSuspectAhead = false;
  #isPaused = false;
  /**
   * Exchanges in a row that found nothing. With two of them the queue is quiet: messages come one by one. (After one,
   * callers that all wait for their replies may go on together.)
   */
  #inVain = 0;
  /** When an exchange was made last beside no wait: only that shows whether the list holds more than is known. */
  #checkedAt = 0;
  #exchangedAt = 0;
  #settleTimer: NodeJS.Timeout | undefined;
  #hasFailed = false;
  /** For the next delayed message, or the next look at a paused queue. */
  #lookTimer: NodeJS.Timeout | undefined;
  readonly #waitMs: number;
  readonly #exchangePause = new GrowingPause();
  readonly #waitPause = new GrowingPause();
  readonly #stopped = new AbortController();
  #changed: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor(
    private readonly broker: Broker,
    private readonly options: ConsumerOptions,
    private readonly ids: MessageIds,
    private readonly runner: DeliveryRunner,
    private readonly observer: ConsumerObserver,
  ) {
    this.#waitMs = Math.min(LONGEST_WAIT_MS, Math.floor(options.leaseMs / 3));
    this.#burst = burstOf(options.prefetch);
    this.#slots = new DeliverySlots(options.concurrency, options.prefetch);
    this.#membership = new Membership(() => this.#takeLease(), options.leaseMs, {
      lost: (lease) => this.#onLeaseLost(lease),
      rejoined: () => this.#look(),
      reclaimed: (consumer, deliveries) => observer.reclaimed(consumer, deliveries),
      failed: (error) => this.#report(error),
    });
  }

  get #lease(): Lease | undefined {
    return this.#membership.lease;
  }

  /** Joins the queue and begins to take. Rejects when Redis cannot be reached. To be called once. */
  async start(): Promise<void> {
    await this.#membership.join();
    // Stopped while it was joining: what #stop could not see yet is undone here.
    if (this.#state !== 'new') return this.#membership.leave();
    this.#state = 'consuming';
    this.#schedule();
  }

  /** Takes nothing more; what runs goes on. May be called at any time. */
  drain(): void {
    if (this.#state !== 'consuming') return;
    this.#state = 'draining';
    this.#membership.keepLast();
    this.#waiting?.abort();
    this.#releaseUnstarted();
  }

  /**
   * Drains, gives running handlers until the deadline, then hands back what is left and leaves the queue. What could
   * not be settled because Redis is away is reclaimed by others when the lease ends. May be called twice.
   */
  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs);
    return this.#stopping;
  }

  async #stop(deadlineMs: number): Promise<void> {
    if (this.#state === 'new') {
      this.#state = 'stopped';
      return;
    }
    this.drain();
    await this.#until(() => this.#slots.running === 0 && this.#waiting === undefined, deadlineMs);
    this.#releaseUnfinished();
    // Beyond the deadline: settlements must not be cut off by handlers that used up the time.
    await this.#until(() => this.#finished.length === 0 && !this.#isExchanging, SETTLE_GRACE_MS);
    this.#state = 'stopped';
    this.#stopped.abort();
    clearTimeout(this.#lookTimer);
    clearTimeout(this.#settleTimer);
    await this.#membership.leave();
  }

  #releaseUnfinished(): void {
    this.runner.takeBackUnstarted();
    const reason = new ShutdownError(
      `The consumer of "${this.options.queue}" stopped before this handler ended.`,
    );
    for (const { delivery, lease } of this.#slots.endAll()) {
      if (lease === this.#lease) this.#settle(delivery, RELEASE);
      delivery.abort(reason);
    }
    this.#schedule();
  }

  #releaseUnstarted(): void {
    // What a handler has gathered came before what is ready here.
    for (const { element } of this.#takeBackGathered())
      this.#finished.push({ kind: 'release', element });
    for (const element of this.#slots.removeUnstarted())
      this.#finished.push({ kind: 'release', element });
    this.#schedule();
  }

  #takeBackGathered(): readonly Delivery[] {
    const gathered = this.runner.takeBackUnstarted();
    this.#slots.takeBack(gathered);
    return gathered;
  }

  #takeLease(): Promise<Lease> {
    const { queue, leaseMs, deadLetterLimit, deadLetterMaxAgeMs, onceMs = 0 } = this.options;
    const { subscription } = this.options;
    const dead = { deadLetterLimit, deadLetterMaxAgeMs };
    const terms = { leaseMs, ...dead, onceMs, waitMs: this.#waitMs, subscription };
    return this.broker.join(queue, terms, (isPause) => {
      if (isPause) this.#followPause(true);
      this.#look();
    });
  }

  #look(): void {
    this.#mustLook = true;
    this.#schedule();
  }

  /** Gathers everything that happens in one turn of the event loop into one step. */
  #schedule(): void {
    this.#changed?.();
    if (this.#isStepScheduled) return;
    this.#isStepScheduled = true;
    process.nextTick(() => {
      this.#isStepScheduled = false;
      this.#step();
    });
  }

  #step(): void {
    const lease = this.#lease;
    if (lease === undefined || this.#state === 'stopped') return;
    this.#burstLeft = this.#burst;
    // First: while Redis works on it, more is started.
    if (!this.#isExchanging) this.#goOn(lease);
    this.#startReady(lease);
  }

  #goOn(lease: Lease): void {
    const free = this.#freeSlots();
    const mayLook =
      this.#mustLook && this.#state === 'consuming' && (free > 0 || this.#waiting !== undefined);
    if (this.#finished.length > 0) this.#settleAndGoOn(lease, free);
    else if (this.#hasJustBegun) this.#stepAfterThisTurn();
    else if (mayLook) void this.#exchange(lease, free);
    else if (free > 0 && !this.#isPaused && this.#waiting === undefined) void this.#wait(lease);
  }

  /** While the queue is quiet, messages that follow each other quickly come by waits, and are settled together. */
  #settleAndGoOn(lease: Lease, free: number): void {
    // One that runs one at a time also settles one at a time.
    const canWait = free >= 2 || this.#waiting !== undefined;
    if (!canWait || !this.#maySettleLater) return void this.#exchange(lease, free);
    this.#settleTimer ??= setTimeout(() => this.#settleNow(), CALM_EXCHANGE_MS);
    if (this.#waiting === undefined) void this.#wait(lease);
  }

  get #maySettleLater(): boolean {
    if (this.#inVain < 2 || this.#isPaused || this.#state !== 'consuming') return false;
    // An id must be known as handled before its next message comes.
    if (this.options.onceMs !== undefined) return false;
    return performance.now() - this.#exchangedAt < CALM_EXCHANGE_MS;
  }

  #settleNow(): void {
    this.#settleTimer = undefined;
    this.#schedule();
  }

  /** What began in this turn may end in it: then one exchange settles and takes, where there would be two and a wait. */
  #stepAfterThisTurn(): void {
    if (this.#turn !== undefined) return;
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      this.#hasJustBegun = false;
      this.#step();
    });
  }

  /** Slots that an exchange may fill; the one that a wait may fill is not among them. */
  #freeSlots(): number {
    if (this.#state !== 'consuming' || this.#waiting !== undefined) return 0;
    return this.#isSuspectAhead && !this.#slots.isEmpty ? 0 : this.#slots.free;
  }

  async #exchange(lease: Lease, take: number): Promise<void> {
    const settlements = this.#finished;
    this.#finished = [];
    this.#isExchanging = true;
    this.#exchangedAt = performance.now();
    this.#mustLook = false;
    try {
      const exchange = await lease.exchange(settlements, take);
      this.#succeed(this.#exchangePause);
      if (exchange === 'leaseLost') return this.#membership.lose(lease);
      if (exchange.taken.length > 0 && !this.#membership.isSure) await this.#membership.makeSure();
      if (lease === this.#lease) this.#takeIn(lease, exchange, take);
    } catch (error) {
      // Whether it was executed or not, giving the same settlements again is right.
      if (lease === this.#lease) this.#finished = [...settlements, ...this.#finished];
      this.#mustLook = true;
      this.#inVain = 0;
      this.#report(error);
      await this.#exchangePause.wait(this.#stopped.signal);
    } finally {
      this.#isExchanging = false;
      this.#schedule();
    }
  }

  #takeIn(lease: Lease, exchange: Exchange, take: number): void {
    if (exchange.missing > 0) this.observer.missing(exchange.missing);
    this.#isSuspectAhead = exchange.isSuspectAhead;
    // What was told meanwhile may be a pause, of which this answer does not know: the next one does.
    if (exchange.isPaused || !this.#mustLook) this.#followPause(exchange.isPaused);
    // A full answer means that there may be more; so does a suspect that had to stay.
    if (take > 0 && (exchange.taken.length === take || exchange.isSuspectAhead))
      this.#mustLook = true;
    if (this.#waiting === undefined) this.#checkedAt = performance.now();
    if (take > 0) this.#inVain = exchange.taken.length === 0 ? this.#inVain + 1 : 0;
    this.#lookAgainIn(exchange.dueInMs);
    this.#takeUp(lease, exchange.taken);
  }

  #followPause(isPaused: boolean): void {
    if (isPaused && !this.#isPaused) {
      this.#waiting?.abort();
      this.#releaseUnstarted();
    }
    this.#isPaused = isPaused;
  }

  #lookAgainIn(dueInMs: number | undefined): void {
    clearTimeout(this.#lookTimer);
    const inMs = this.#isPaused ? this.#waitMs : dueInMs;
    if (inMs === undefined || this.#state !== 'consuming') return;
    this.#lookTimer = setTimeout(() => this.#look(), Math.min(inMs, LONGEST_TIMER_MS));
  }

  get #isCheckDue(): boolean {
    return performance.now() - this.#checkedAt > this.options.leaseMs;
  }

  async #wait(lease: Lease): Promise<void> {
    const waiting = new AbortController();
    this.#waiting = waiting;
    let isOverInVain = false;
    try {
      const element = await lease.wait(waiting.signal);
      this.#succeed(this.#waitPause);
      if (element === 'leaseLost') return this.#membership.lose(lease);
      isOverInVain = element === undefined;
      if (element === undefined) return;
      if (!this.#membership.isSure) await this.#membership.makeSure();
      if (lease !== this.#lease) return;
      this.#takeUp(lease, [element]);
    } catch (error) {
      this.#inVain = 0;
      this.#report(error);
      await this.#waitPause.wait(this.#stopped.signal);
    } finally {
      this.#waiting = undefined;
      // Nothing came: it waits again, and only now and then looks whether it missed something.
      if (isOverInVain && !this.#isCheckDue) this.#schedule();
      else this.#look();
    }
  }

  #takeUp(lease: Lease, elements: readonly Buffer[]): void {
    this.#slots.add(elements);
    if (this.#state !== 'consuming' || this.#isPaused) this.#releaseUnstarted();
    else this.#startReady(lease);
  }

  #startReady(lease: Lease): void {
    if (this.#state !== 'consuming') return;
    for (; this.#burstLeft > 0; this.#burstLeft -= 1) {
      const next = this.#slots.next();
      if (next === undefined) return;
      if (Buffer.isBuffer(next)) this.#start(lease, next);
      else this.#run(lease, next);
    }
    this.#schedule();
  }

  #start(lease: Lease, element: Buffer): void {
    const { queue, maxCrashes } = this.options;
    const intake = inspect(queue, element, maxCrashes, this.broker.nowMs());
    const { delivery } = intake;
    switch (intake.kind) {
      case 'run':
        this.#run(lease, delivery);
        break;
      case 'runAlone':
        this.#slots.isolate(delivery);
        break;
      case 'settle':
        this.#settle(delivery, intake.outcome);
        break;
      case 'expired':
        this.#skip(delivery, 'expired');
        break;
    }
  }

  /** Not `async`, as what it calls: this runs for each message, and a frame in each layer is what fills the heap. */
  #run(lease: Lease, delivery: Delivery): void {
    const run = this.#slots.begin({ delivery, lease });
    this.#hasJustBegun = true;
    if (this.options.onceMs !== undefined || delivery.envelope.parked !== undefined)
      void this.#prepareAndRun(run);
    else this.runner.begin(delivery, (outcome) => this.#onEnd(run, outcome));
  }

  async #prepareAndRun(run: Run<Held>): Promise<void> {
    const { delivery } = run.item;
    if ((await this.#wasHandled(run)) !== false) return this.#onEnd(run, 'repeated');
    const outcome = await this.#unpark(run);
    if (outcome !== undefined) return this.#onEnd(run, outcome);
    this.runner.begin(delivery, (end) => this.#onEnd(run, end));
  }

  #onEnd(run: Run<Held>, outcome: Outcome | 'repeated'): void {
    const { delivery, lease } = run.item;
    if (this.#slots.end(run) && lease === this.#lease) {
      if (outcome === 'repeated') this.#skip(delivery, 'repeated');
      else this.#settle(delivery, outcome);
      this.#startReady(lease);
    }
    this.#schedule();
  }

  /** Running it without knowing could repeat what must not be repeated. */
  async #wasHandled(run: Run<Held>): Promise<boolean | 'over'> {
    const { id } = run.item.delivery.envelope;
    if (this.options.onceMs === undefined || id === undefined) return false;
    return this.#ask(run, (lease) => lease.wasHandled(id));
  }

  /** Fetches a body that is parked beside the queue. Answers how it ended where there is nothing to run. */
  async #unpark(run: Run<Held>): Promise<Outcome | undefined> {
    const { delivery } = run.item;
    const { parked } = delivery.envelope;
    if (parked === undefined) return undefined;
    const body = await this.#ask(run, (lease) => lease.parkedBody(parked));
    if (body === 'over') return RELEASE;
    if (body === undefined) return deadLetter('undecodable', bodyIsMissing(parked));
    delivery.unpark(body);
    return undefined;
  }

  /** Asks until Redis answers; `over` when the lease is lost or the consumer stops: the result no longer counts. */
  async #ask<T>(run: Run<Held>, question: (lease: Lease) => Promise<T>): Promise<T | 'over'> {
    const { lease } = run.item;
    const between = new GrowingPause();
    while (lease === this.#lease && !run.isOver) {
      try {
        return await question(lease);
      } catch (error) {
        this.#report(error);
        await between.wait(this.#stopped.signal);
      }
    }
    return 'over';
  }

  #settle(delivery: Delivery, outcome: Outcome): void {
    this.#finished.push(this.#settlementOf(delivery, outcome));
    if (outcome.kind === 'deadLetter') this.observer.deadLettered(delivery, outcome);
    if (outcome.kind === 'retry') this.observer.retried(delivery, outcome.delayMs);
    this.#schedule();
  }

  #settlementOf(delivery: Delivery, outcome: Outcome): Settlement {
    const { element, envelope } = delivery;
    if (outcome === ACK) {
      if (this.options.onceMs !== undefined && envelope.id !== undefined)
        return { kind: 'ack', element, onceId: envelope.id };
      if (envelope.parked !== undefined) return { kind: 'ack', element, isParked: true };
      return { kind: 'ack', element };
    }
    return settlementOf(delivery, outcome, {
      queue: this.options.queue,
      consumer: this.#lease?.consumer ?? '',
      nowMs: this.broker.nowMs(),
      newId: () => this.ids.next(),
    });
  }

  #skip(delivery: Delivery, why: SkipReason): void {
    this.#finished.push({ kind: 'skip', element: delivery.element, why });
    this.observer.skipped(delivery, why);
    this.#schedule();
  }

  /** Everything that this lease held belongs to others now: their results are dropped. */
  #onLeaseLost(lease: Lease): void {
    this.#finished = [];
    this.#slots.removeUnstarted();
    this.#takeBackGathered();
    this.#waiting?.abort();
    this.observer.leaseLost(this.#slots.running);
    const reason = new LeaseLostError(
      `The lease of ${lease.consumer} on "${this.options.queue}" ended; another consumer takes over its deliveries.`,
    );
    for (const { delivery } of this.#slots.held()) delivery.abort(reason);
  }

  #report(error: unknown): void {
    this.#hasFailed = true;
    this.observer.failed(error);
  }

  #succeed(growing: GrowingPause): void {
    growing.reset();
    if (!this.#hasFailed) return;
    this.#hasFailed = false;
    this.observer.recovered();
  }

  /** Resolves when the condition holds, or after the time. */
  async #until(condition: () => boolean, timeoutMs: number): Promise<void> {
    const over = new AbortController();
    const deadline = pause(timeoutMs, over.signal).then(() => 'deadline' as const);
    while (!condition()) {
      const change = new Promise<'change'>((resolve) => {
        this.#changed = () => resolve('change');
      });
      if ((await Promise.race([change, deadline])) === 'deadline') break;
    }
    over.abort();
  }
}

function bodyIsMissing(parked: string): UndecodableError {
  return new UndecodableError(
    `The header says that the body is parked as "${parked}" beside the queue, and nothing is there: was it deleted by hand?`,
  );
}

function burstOf(prefetch: number): number {
  return prefetch < LEAST_TO_HALVE ? prefetch : Math.ceil(prefetch / 2);
}
