import type { Broker, Lease, Settlement, SkipReason } from '../broker/broker.js';
import type { Breaker } from './breaker.js';
import type { Delivery } from '../delivery/delivery.js';
import type { DeliveryRunner } from '../delivery/delivery-runner.js';
import { DeliverySlots } from './delivery-slots.js';
import type { Held } from './delivery-slots.js';
import {
  LeaseLostError,
  NotHandledError,
  ShutdownError,
  UndecodableError,
} from '../errors/errors.js';
import { inspect, isExpired } from '../delivery/intake.js';
import type { MessageIds } from '../message/message-id.js';
import { RELEASE, deadLetter } from '../delivery/outcome.js';
import type { Outcome } from '../delivery/outcome.js';
import { GrowingPause } from '../process/pause.js';
import { OwnPlaces } from '../delivery/places.js';
import type { Places } from '../delivery/places.js';
import type { Run } from '../delivery/running.js';
import { settlementOf } from '../delivery/settlement.js';
import type { Gate } from '../lease/start-gate.js';
import type { Tenure } from '../lease/tenure.js';

export interface HeldDeliveriesOptions {
  readonly queue: string;
  /** How many handlers may run at once. */
  readonly concurrency: number;
  /** How many deliveries may be held, those that run included; at least as many as may run. */
  readonly prefetch: number;
  /** A message is parked after so many crashes of the process that ran it. */
  readonly maxCrashes: number;
  /** How long, in ms, an id that was handled is not handled again; undefined without such a promise. */
  readonly onceMs: number | undefined;
  /** Those of all handlers of the process together; undefined for as many as there are. */
  readonly places?: Places | undefined;
}

/** Is told what people should know of single deliveries. Must not throw. */
export interface DeliveryObserver {
  retried(delivery: Delivery, outcome: Outcome & { readonly kind: 'retry' }): void;
  /** By the wish of its handler. */
  postponed(delivery: Delivery, delayMs: number): void;
  deadLettered(delivery: Delivery, outcome: Outcome & { readonly kind: 'deadLetter' }): void;
  skipped(delivery: Delivery, why: SkipReason): void;
}

/** The consumer that holds them. */
export interface Holder {
  /** Whether what is ready may be started. */
  readonly isConsuming: boolean;
  /** Is asked before a handler begins. Calls for another step when it opens. */
  readonly gate: Gate;
  /** Fires at the end of the consumer. */
  readonly stopped: AbortSignal;
  /** There is something to settle, a free slot, or more to start. */
  changed(): void;
  failed(error: unknown): void;
}

/** Who may hold so many starts half of them, settles what has ended by then, and goes on meanwhile. */
const LEAST_TO_HALVE = 64;

/** What one consumer holds: starts it, follows it to its end, and gathers how it is to be settled. */
export class HeldDeliveries {
  readonly #slots: DeliverySlots;
  readonly #places: OwnPlaces | undefined;
  #finished: Settlement[] = [];
  /** How many more may be started before the next step. */
  #burstLeft = 0;
  readonly #burst: number;
  #hasJustBegun = false;
  /** The last suspect that was begun. */
  #tested: Run<Held> | undefined;

  constructor(
    private readonly broker: Broker,
    private readonly options: HeldDeliveriesOptions,
    private readonly ids: MessageIds,
    private readonly runner: DeliveryRunner,
    private readonly observer: DeliveryObserver,
    private readonly holder: Holder,
    private readonly breaker: Pick<Breaker, 'ended'>,
  ) {
    this.#burst = burstOf(options.prefetch);
    this.#slots = new DeliverySlots(options.concurrency, options.prefetch);
    const { places } = options;
    this.#places = places && new OwnPlaces(places, () => holder.changed());
    runner.useGate(holder.gate);
  }

  get running(): number {
    return this.#slots.running;
  }

  /** How many more may be taken. Keeps places for those that can start, until {@link releasePlaces}. */
  reserve(): number {
    const { free, startable } = this.#slots;
    return this.#places === undefined ? free : free - startable + this.#places.keep(startable);
  }

  /** Places that were kept and are not needed are for others now. */
  releasePlaces(): void {
    if (this.#burstLeft > 0) this.#places?.release();
  }

  get isEmpty(): boolean {
    return this.#slots.isEmpty;
  }

  /** One more handler may run. */
  get hasPlace(): boolean {
    return this.#slots.hasPlace;
  }

  /** The handler of the suspect that was begun last has not ended. */
  get isTesting(): boolean {
    return this.#tested?.isOver === false;
  }

  /** Something waits to be settled. */
  get hasFinished(): boolean {
    return this.#finished.length > 0;
  }

  /** A handler was started since {@link endTurn}. */
  get hasJustBegun(): boolean {
    return this.#hasJustBegun;
  }

  endTurn(): void {
    this.#hasJustBegun = false;
  }

  /** So many more may be started as belong to one step. */
  beginStep(): void {
    this.#burstLeft = this.#burst;
  }

  add(elements: readonly Buffer[]): void {
    this.#slots.add(elements);
  }

  /** What is to be settled; from now on whoever took it sees to that. */
  takeFinished(): readonly Settlement[] {
    const finished = this.#finished;
    this.#finished = [];
    return finished;
  }

  /** These could not be settled, and come first with the next try. */
  putBack(settlements: readonly Settlement[]): void {
    this.#finished = [...settlements, ...this.#finished];
  }

  /** Hands back what still runs, and tells its handlers that nobody waits for them any longer. Answers how many. */
  releaseUnfinished(): number {
    this.runner.takeBackUnstarted();
    const reason = new ShutdownError(
      `The consumer of "${this.options.queue}" stopped before this handler ended.`,
    );
    const unfinished = this.#slots.endAll();
    for (const { delivery, tenure } of unfinished) {
      if (!tenure.isOver) this.#settle(tenure, delivery, RELEASE);
      delivery.abort(reason);
    }
    this.holder.changed();
    return unfinished.length;
  }

  /** Nothing may be held now. */
  get isBarred(): boolean {
    return this.#slots.limit === 0;
  }

  /** From now on no more than these are held; what has begun goes on. */
  limit(most: number): void {
    this.#slots.limit = most;
    if (most === 0) this.releaseUnstarted();
  }

  /** Hands back what has not begun, in order. */
  releaseUnstarted(): void {
    // What a handler has gathered came before what is ready here.
    for (const { element } of this.#takeBackGathered())
      this.#finished.push({ kind: 'release', element });
    for (const element of this.#slots.removeUnstarted())
      this.#finished.push({ kind: 'release', element });
    this.holder.changed();
  }

  #takeBackGathered(): readonly Delivery[] {
    const gathered = this.runner.takeBackUnstarted();
    this.#slots.takeBack(gathered);
    return gathered;
  }

  startReady(tenure: Tenure): void {
    if (!this.holder.isConsuming || !this.#slots.hasUnstarted) return;
    for (; this.#burstLeft > 0; this.#burstLeft -= 1) {
      if (!this.holder.gate.mayStart()) return;
      if (this.#places?.keep(1) === 0) return;
      const next = this.#slots.next();
      if (next === undefined) return;
      this.#start(tenure, next);
    }
    this.holder.changed();
  }

  /** Begins a suspect, apart from what is ready. */
  startSuspect(tenure: Tenure, element: Buffer): void {
    this.#tested = this.#start(tenure, element);
  }

  /** Hands back an element that was never added, unharmed. */
  release(element: Buffer): void {
    this.#finished.push({ kind: 'release', element });
    this.holder.changed();
  }

  #start(tenure: Tenure, element: Buffer): Run<Held> | undefined {
    const { queue, maxCrashes } = this.options;
    const intake = inspect(queue, element, maxCrashes, this.broker);
    const { delivery } = intake;
    switch (intake.kind) {
      case 'run':
        return this.#run(tenure, delivery);
      case 'settle':
        this.#settle(tenure, delivery, intake.outcome);
        return undefined;
      case 'expired':
        this.#skip(delivery, 'expired');
        return undefined;
    }
  }

  /** Not `async`, as what it calls: this runs for each message, and a frame in each layer is what fills the heap. */
  #run(tenure: Tenure, delivery: Delivery): Run<Held> {
    const run = this.#slots.begin({ delivery, tenure });
    this.#places?.begin();
    this.#hasJustBegun = true;
    if (this.options.onceMs !== undefined || delivery.envelope.parked !== undefined)
      void this.#prepareAndRun(run);
    else this.#begin(run);
    return run;
  }

  #begin(run: Run<Held>): void {
    if (!this.runner.asksGate) this.holder.gate.began();
    this.runner.begin(run.item.delivery, (outcome) => this.#onEnd(run, outcome));
  }

  async #prepareAndRun(run: Run<Held>): Promise<void> {
    const { delivery } = run.item;
    const wasHandled = await this.#wasHandled(run);
    if (wasHandled !== false) return this.#onEnd(run, wasHandled === 'over' ? RELEASE : 'repeated');
    const outcome = await this.#unpark(run);
    if (outcome !== undefined) return this.#onEnd(run, outcome);
    if (!(await this.#untilMayStart(run))) return this.#onEnd(run, RELEASE);
    if (isExpired(delivery.envelope, this.broker)) return this.#onEnd(run, 'expired');
    this.#begin(run);
  }

  /** False when it is not to begin any more. */
  async #untilMayStart(run: Run<Held>): Promise<boolean> {
    while (this.#mayBegin(run)) {
      if (this.holder.gate.mayStart()) return true;
      await this.holder.gate.opened();
    }
    return false;
  }

  #onEnd(run: Run<Held>, outcome: Outcome | SkipReason): void {
    const { delivery, tenure } = run.item;
    this.#places?.end();
    if (this.#slots.end(run) && !tenure.isOver) {
      if (outcome === 'repeated' || outcome === 'expired') {
        this.#skip(delivery, outcome);
      } else {
        this.#settle(tenure, delivery, outcome);
        this.breaker.ended(delivery, outcome);
      }
      this.startReady(tenure);
    }
    this.holder.changed();
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
    // What is given back without a lease is given back to nobody.
    if (body === 'over' || body === 'leaseLost') return RELEASE;
    if (body === undefined) return deadLetter('undecodable', bodyIsMissing(parked));
    delivery.unpark(body);
    return undefined;
  }

  /** Asks until Redis answers; `over` when the handler is not to begin any more: the delivery goes back unharmed. */
  async #ask<T>(run: Run<Held>, question: (lease: Lease) => Promise<T>): Promise<T | 'over'> {
    const { lease } = run.item.tenure;
    const between = new GrowingPause();
    while (this.#mayBegin(run)) {
      try {
        const answer = await question(lease);
        return this.#mayBegin(run) ? answer : 'over';
      } catch (error) {
        this.holder.failed(error);
        await between.wait(this.holder.stopped);
      }
    }
    return 'over';
  }

  /** Much may have happened while Redis was asked. */
  #mayBegin({ isOver, item }: Run<Held>): boolean {
    return !isOver && !item.tenure.isOver && this.holder.isConsuming;
  }

  #settle({ lease }: Tenure, delivery: Delivery, outcome: Outcome): void {
    this.#finished.push(this.#settlementOf(lease.consumer, delivery, outcome));
    if (outcome.kind === 'deadLetter') this.observer.deadLettered(delivery, outcome);
    if (outcome.kind === 'retry') this.observer.retried(delivery, outcome);
    if (outcome.kind === 'postpone') this.observer.postponed(delivery, outcome.delayMs);
    this.holder.changed();
  }

  #settlementOf(consumer: string, delivery: Delivery, outcome: Outcome): Settlement {
    const { element, envelope } = delivery;
    if (outcome.kind === 'ack') {
      if (this.options.onceMs !== undefined && envelope.id !== undefined)
        return { kind: 'ack', element, onceId: envelope.id };
      if (envelope.parked !== undefined) return { kind: 'ack', element, isParked: true };
      return { kind: 'ack', element };
    }
    return settlementOf(delivery, outcome, {
      queue: this.options.queue,
      consumer,
      nowMs: this.broker.nowMs(),
      newId: () => this.ids.next(),
    });
  }

  #skip(delivery: Delivery, why: SkipReason): void {
    this.#finished.push({ kind: 'skip', element: delivery.element, why });
    this.observer.skipped(delivery, why);
    if (isAwaited(delivery, why)) {
      const { id } = delivery.envelope;
      this.runner.refuse(delivery, new NotHandledError(this.options.queue, why, id));
    }
    this.holder.changed();
  }

  /** Everything that was taken in this tenure belongs to others now: their results are dropped. Answers how many ran. */
  lose({ lease }: Tenure): number {
    this.#finished = [];
    this.#slots.removeUnstarted();
    this.#takeBackGathered();
    const reason = new LeaseLostError(
      `The lease of ${lease.consumer} on "${this.options.queue}" ended; another consumer takes over its deliveries.`,
    );
    for (const { delivery } of this.#slots.held()) delivery.abort(reason);
    return this.#slots.running;
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

/** Whether its caller still waits. One whose request is over with its own patience does not. */
function isAwaited({ envelope }: Delivery, why: SkipReason): boolean {
  const { replyTo } = envelope;
  return replyTo !== undefined && (why === 'repeated' || replyTo.waitMs !== undefined);
}
