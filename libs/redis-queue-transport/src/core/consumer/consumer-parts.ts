import { Breaker } from './breaker.js';
import type { Broker, Lease, SubscriptionTerms, WakeNews } from '../broker/broker.js';
import { ConsumerState } from './consumer-state.js';
import { Deliveries } from '../held/deliveries.js';
import type { DeliveriesOptions, DeliveriesOwner } from '../held/deliveries.js';
import type { DeliveryRunner } from '../delivery/delivery-runner.js';
import { Held } from '../held/held.js';
import { Membership } from '../lease/membership.js';
import type { MessageIds } from '../message/message-id.js';
import { OwnPlaces } from '../delivery/places.js';
import type { Places } from '../delivery/places.js';
import type { DeliveryObserver } from '../held/settler.js';
import { StartGate } from '../lease/start-gate.js';
import { Taking } from './taking.js';
import type { Tenure } from '../lease/tenure.js';
import { Timekeeping } from './timekeeping.js';
import { Trial } from './trial.js';
import type { TrialTurn } from './trial.js';
import { Trouble } from './trouble.js';
import type { TroubleEvents } from './trouble.js';

/** What a consumer needs of its broker. */
export type ConsumerBroker = Pick<Broker, 'join' | 'nowMs' | 'isReplyList'>;

export interface ConsumerOptions extends DeliveriesOptions {
  readonly leaseMs: number;
  readonly deadLetterLimit: number | undefined;
  readonly deadLetterMaxAgeMs: number;
  /** The queue takes a group's events. */
  readonly subscription?: SubscriptionTerms | undefined;
  /** Those of all handlers of the process together; undefined for as many as there are. */
  readonly places?: Places | undefined;
}

/** Is told what people should know. Must not throw. */
export interface ConsumerObserver extends DeliveryObserver, TroubleEvents {
  leaseLost(deliveries: number): void;
  /** Nearly every attempt fails, the last one with this error: only a few are taken until they succeed. */
  slowed(error: unknown): void;
  /** Attempts succeed again, after so many ms. */
  spedUp(slowedMs: number): void;
  reclaimed(consumer: string, deliveries: number): void;
  /** A bound of the dead letters has bitten: so many are gone for good. */
  deadLettersDropped(letters: number): void;
  /** At a stop: so many still ran when their time was over. */
  handedBack(deliveries: number): void;
  /** Settlements found nothing to settle, although the lease holds. */
  missing(deliveries: number): void;
}

/** Longest time that an idle consumer blocks in one call. */
const LONGEST_WAIT_MS = 5_000;

/** The parts of a consumer, put together: what one of them finds out, the others learn here. */
export class ConsumerParts {
  readonly state = new ConsumerState();
  readonly membership: Membership;
  readonly held: Held;
  readonly deliveries: Deliveries;
  readonly trial: Trial;
  readonly breaker: Breaker;
  readonly time: Timekeeping;
  readonly taking: Taking;
  /** False where an id must be known as handled before its next message comes. */
  readonly maySettleLater: boolean;
  readonly #trouble: Trouble;
  readonly #waitMs: number;

  constructor(
    private readonly broker: ConsumerBroker,
    private readonly options: ConsumerOptions,
    ids: MessageIds,
    runner: DeliveryRunner,
    private readonly observer: ConsumerObserver,
    turn: TrialTurn,
    /** Fires at the end of the consumer. */
    private readonly stopped: AbortSignal,
    /** A step may be due. */
    private readonly changed: () => void,
  ) {
    const { places, leaseMs, onceMs } = options;
    this.maySettleLater = onceMs === undefined;
    this.#waitMs = Math.min(LONGEST_WAIT_MS, Math.floor(leaseMs / 3));
    this.#trouble = new Trouble(observer);
    this.membership = this.#newMembership();
    this.trial = new Trial(turn, changed);
    this.breaker = this.#newBreaker();
    this.held = new Held(options, places && new OwnPlaces(places, changed));
    const owner = this.#ownerOfDeliveries();
    const about = [this.held, broker, options, ids, runner, observer, owner] as const;
    this.deliveries = new Deliveries(...about, this.breaker);
    this.time = this.#newTimekeeping();
    this.taking = this.#newTaking();
  }

  #newMembership(): Membership {
    const { observer } = this;
    return new Membership(() => this.#takeLease(), this.options.leaseMs, {
      lost: (tenure) => this.#onLost(tenure),
      rejoined: () => this.taking.look(),
      reclaimed: (consumer, deliveries) => observer.reclaimed(consumer, deliveries),
      deadLettersDropped: (letters) => observer.deadLettersDropped(letters),
      failed: (error) => this.#trouble.failed(error),
    });
  }

  #takeLease(): Promise<Lease> {
    const { queue, leaseMs, deadLetterLimit, deadLetterMaxAgeMs, onceMs = 0 } = this.options;
    const { subscription } = this.options;
    const dead = { deadLetterLimit, deadLetterMaxAgeMs };
    const terms = { leaseMs, ...dead, onceMs, waitMs: this.#waitMs, subscription };
    return this.broker.join(queue, terms, (news) => this.#hear(news));
  }

  #hear(news: WakeNews): void {
    if (typeof news === 'number') return this.time.hear(news);
    if (news === 'paused') this.taking.followPause(true);
    this.taking.lookAround();
  }

  #onLost(tenure: Tenure): void {
    this.state.endWaitSoon();
    this.trial.end();
    this.time.forget();
    this.observer.leaseLost(this.deliveries.lose(tenure));
  }

  #newBreaker(): Breaker {
    return new Breaker(this.options.concurrency, {
      limited: (limit) => this.#limit(limit),
      slowed: (error) => this.observer.slowed(error),
      recovered: (slowedMs) => this.observer.spedUp(slowedMs),
    });
  }

  #limit(most: number): void {
    this.held.limit(most);
    if (most === 0) this.taking.interrupt();
    else this.taking.look();
  }

  #ownerOfDeliveries(): DeliveriesOwner {
    const { state } = this;
    return {
      get isConsuming() {
        return state.isConsuming;
      },
      gate: new StartGate(this.membership, this.options.leaseMs, this.changed),
      stopped: this.stopped,
      changed: this.changed,
      failed: (error) => this.#trouble.failed(error),
    };
  }

  #newTimekeeping(): Timekeeping {
    const nowMs = (): number => this.broker.nowMs();
    const isConsuming = (): boolean => this.state.isConsuming;
    return new Timekeeping(nowMs, isConsuming, { due: () => this.taking.lookAround() });
  }

  #newTaking(): Taking {
    const { state, held, deliveries, trial, time, stopped } = this;
    const parts = { state, held, deliveries, trial, time, stopped, trouble: this.#trouble };
    const { leaseMs } = this.options;
    return new Taking(
      { ...parts, checkEveryMs: leaseMs, lookEveryMs: this.#waitMs },
      {
        lost: (tenure) => this.membership.lose(tenure),
        missing: (deliveries) => this.observer.missing(deliveries),
        changed: this.changed,
      },
    );
  }
}
