import type { Broker } from '../broker/broker.js';
import type { Settlement } from '../broker/lease.js';
import type { Delivery } from '../delivery/delivery.js';
import type { DeliveryRunner } from '../delivery/delivery-runner.js';
import { LeaseLostError, ShutdownError } from '../errors/abort-reasons.js';
import { Begun } from './held.js';
import type { Held, HeldBounds } from './held.js';
import { inspect } from '../delivery/intake.js';
import { HandlerWatch } from '../lifecycle/handler-watch.js';
import type { RedisQueueObserver } from '../lifecycle/observer.js';
import type { MessageIds } from '../message/message-id.js';
import { EXPIRED, RELEASE } from '../delivery/outcome.js';
import type { Outcome } from '../delivery/outcome.js';
import { Preparation } from './preparation.js';
import type { Preparing } from './preparation.js';
import type { Run } from '../delivery/running.js';
import { Settler } from './settler.js';
import type { SettlerOptions } from './settler.js';
import type { Tenure } from '../lease/tenure.js';
import type { Runtime } from '../process/runtime.js';

export interface DeliveriesOptions extends HeldBounds, SettlerOptions {
  /** After this many crashes of its process, a message is dead-lettered. */
  readonly maxCrashes: number;
}

/** The consumer whose deliveries they are. */
export interface DeliveriesOwner extends Preparing {
  /** A handler has asked for its queue to be slowed down. */
  slowDown(): void;
  /** Something can be settled, taken or started. */
  changed(): void;
}

/** Watches how attempts end. */
export interface EndWatch {
  ended(delivery: Delivery, outcome: Outcome): void;
}

/**
 * A consumer that may hold at least this many starts only half of them in one step. The next step settles those that
 * have ended, and starts more while Redis works on it.
 */
const LEAST_TO_HALVE = 64;

/** Starts held deliveries, follows each to its end, and has it settled. */
export class Deliveries {
  readonly #settler: Settler;
  readonly #preparation: Preparation;
  readonly #handlers: HandlerWatch;
  readonly #burst: number;
  /** How many more may start before the next step. */
  #burstLeft = 0;
  #hasJustBegun = false;
  /** The suspect that was started last. */
  #tested: Run<Begun> | undefined;

  constructor(
    private readonly held: Held,
    private readonly broker: Pick<Broker, 'nowMs' | 'isReplyList'>,
    private readonly options: DeliveriesOptions,
    ids: MessageIds,
    private readonly runner: DeliveryRunner,
    observer: RedisQueueObserver,
    private readonly owner: DeliveriesOwner,
    private readonly watch: EndWatch,
    runtime: Runtime,
  ) {
    this.#burst = burstOf(options.prefetch);
    this.#settler = new Settler(held, options, broker, ids, runner, observer);
    this.#preparation = new Preparation(broker, options.onceMs !== undefined, owner, runtime);
    this.#handlers = new HandlerWatch(observer, runtime);
    runner.useGate(owner.gate);
  }

  /** The handler of the suspect that was started last is still running. */
  get isTesting(): boolean {
    return this.#tested?.isOver === false;
  }

  /** A handler has started since {@link endTurn}. */
  get hasJustBegun(): boolean {
    return this.#hasJustBegun;
  }

  endTurn(): void {
    this.#hasJustBegun = false;
  }

  /** Allows the next step's share to start. */
  beginStep(): void {
    this.#burstLeft = this.#burst;
  }

  /** This step's share has started, and more is ready. */
  get isStepUsedUp(): boolean {
    return this.#burstLeft === 0;
  }

  /** Starts what is ready and may start now. */
  startReady(tenure: Tenure): void {
    if (!this.held.hasReady || !this.owner.mayStart) return;
    for (; this.#burstLeft > 0; this.#burstLeft -= 1) {
      if (!this.owner.gate.mayStart()) return;
      const next = this.held.next();
      if (next === undefined) return;
      this.#start(tenure, next);
    }
    this.owner.changed();
  }

  /** Starts a suspect, independently of what is ready. */
  startSuspect(tenure: Tenure, element: Buffer): void {
    this.#tested = this.#start(tenure, element);
  }

  #start(tenure: Tenure, element: Buffer): Run<Begun> | undefined {
    const { queue, maxCrashes } = this.options;
    const intake = inspect(queue, element, maxCrashes, this.broker);
    const { delivery } = intake;
    switch (intake.kind) {
      case 'run':
        return this.#run(tenure, delivery);
      case 'settle':
        this.#conclude(tenure, delivery, intake.outcome);
        return undefined;
      case 'expired':
        this.#conclude(tenure, delivery, EXPIRED);
        return undefined;
    }
  }

  /** Neither this nor its callees are `async`: this runs for each message, and promises in each layer fill the heap. */
  #run(tenure: Tenure, delivery: Delivery): Run<Begun> {
    const run = this.held.begin(new Begun(delivery, tenure));
    this.#hasJustBegun = true;
    if (this.#preparation.isNeeded(delivery)) void this.#prepareAndBegin(run);
    else this.#begin(run);
    return run;
  }

  async #prepareAndBegin(run: Run<Begun>): Promise<void> {
    const end = await this.#preparation.prepare(run, () => this.#begin(run));
    if (end !== undefined) this.#onEnd(run, end);
  }

  #begin(run: Run<Begun>): void {
    const { delivery } = run.item;
    // A handler that asks the gate itself reports its own start.
    if (!this.runner.asksGate) {
      this.owner.gate.began();
      this.#handlers.began(delivery);
    }
    this.runner.begin(delivery, (outcome) => this.#onEnd(run, outcome));
  }

  #onEnd(run: Run<Begun>, end: Outcome): void {
    const { delivery, tenure } = run.item;
    const counts = this.held.end(run) && !tenure.isOver;
    this.#handlers.ended(delivery, end, counts);
    if (counts) {
      this.#conclude(tenure, delivery, end);
      if (end.kind === 'postpone' && end.slowsQueue === true) this.owner.slowDown();
      this.watch.ended(delivery, end);
      this.startReady(tenure);
    }
    this.owner.changed();
  }

  #conclude(tenure: Tenure, delivery: Delivery, end: Outcome): void {
    this.#settler.settle(tenure, delivery, end);
    this.owner.changed();
  }

  /** Redis has settled these. */
  settled(settlements: readonly Settlement[]): void {
    this.#settler.settled(settlements);
  }

  /** Hands back what has not started, in order. */
  releaseUnstarted(): void {
    // First those that a handler has gathered: they were taken before the ready ones.
    for (const { element } of this.#takeBackGathered())
      this.held.settle({ kind: 'release', element });
    this.held.releaseReady();
    this.owner.changed();
  }

  #takeBackGathered(): readonly Delivery[] {
    const gathered = this.runner.takeBackUnstarted();
    this.held.takeBack(gathered);
    return gathered;
  }

  /** Hands back an element that was never added here. */
  release(element: Buffer): void {
    this.held.settle({ kind: 'release', element });
    this.owner.changed();
  }

  /** Hands back what still runs, and tells its handlers that their result no longer counts. Returns how many. */
  releaseUnfinished(): number {
    this.runner.takeBackUnstarted();
    const reason = new ShutdownError(
      `The consumer of "${this.options.queue}" stopped before this handler ended.`,
    );
    const unfinished = this.held.takeBegun();
    for (const { delivery, tenure } of unfinished) {
      if (!tenure.isOver) this.#settler.settle(tenure, delivery, RELEASE);
      delivery.abort(reason);
    }
    this.owner.changed();
    return unfinished.length;
  }

  /** Everything taken in this tenure now belongs to others: drops it and its results. Returns how many were running. */
  lose({ lease }: Tenure): number {
    this.held.forget();
    this.#settler.forget();
    this.#takeBackGathered();
    const reason = new LeaseLostError(
      `The lease of ${lease.consumer} on "${this.options.queue}" ended; another consumer takes over its deliveries.`,
    );
    for (const { delivery } of this.held.begun()) delivery.abort(reason);
    return this.held.running;
  }
}

function burstOf(prefetch: number): number {
  return prefetch < LEAST_TO_HALVE ? prefetch : Math.ceil(prefetch / 2);
}
