import { Breaker } from './breaker.js';
import type { BreakerEvents } from './breaker.js';
import type { Broker, WakeNews } from '../broker/broker.js';
import type { Lease, QueueOrder, SubscriptionTerms } from '../broker/lease.js';
import type { QueueLimit } from '../broker/limit.js';
import { ConsumerState } from './consumer-state.js';
import { Deliveries } from '../held/deliveries.js';
import type { DeliveriesOptions, DeliveriesOwner } from '../held/deliveries.js';
import type { DeliveryRunner } from '../delivery/delivery-runner.js';
import { Held } from '../held/held.js';
import { Holdback } from './holdback.js';
import { KeyReader } from '../keying/key-reader.js';
import type { KeyOfData } from '../keying/key-reader.js';
import { Membership } from '../lease/membership.js';
import type { MembershipEvents } from '../lease/membership.js';
import type { RedisQueueObserver } from '../lifecycle/observer.js';
import type { MessageIds } from '../message/message-id.js';
import { OwnPlaces } from '../delivery/places.js';
import type { Places } from '../delivery/places.js';
import { StartGate } from '../lease/start-gate.js';
import { Taking } from './taking.js';
import type { Tenure } from '../lease/tenure.js';
import { Timekeeping } from './timekeeping.js';
import type { TimekeepingEvents } from './timekeeping.js';
import { Trial } from './trial.js';
import type { TrialTurn } from './trial.js';
import { Trouble } from './trouble.js';
import type { TroubleEvents } from './trouble.js';
import type { Runtime } from '../process/runtime.js';

/** The part of the broker that a consumer needs. */
export type ConsumerBroker = Pick<Broker, 'join' | 'nowMs' | 'isReplyList'>;

export interface ConsumerOptions extends DeliveriesOptions {
  readonly leaseMs: number;
  readonly deadLetterLimit: number | undefined;
  readonly deadLetterMaxAgeMs: number;
  /** The queue holds events of a group. */
  readonly subscription?: SubscriptionTerms | undefined;
  /** Tells the keys of events, for a queue whose terms say that this consumer reads keys. */
  readonly keyOf?: KeyOfData | undefined;
  /** What all consumers of the queue together may do. */
  readonly limit?: QueueLimit | undefined;
  readonly order?: QueueOrder | undefined;
  /** The places of all handlers of the process; undefined for no limit. */
  readonly places?: Places | undefined;
}

/** How long an idle consumer blocks in one call. */
const LONGEST_WAIT_MS = 5_000;

/** The parts of a consumer, wired together: here, each part learns what the others find out. */
export class ConsumerParts {
  readonly state: ConsumerState;
  readonly membership: Membership;
  readonly held: Held;
  readonly deliveries: Deliveries;
  readonly trial: Trial;
  readonly breaker: Breaker;
  readonly time: Timekeeping;
  readonly holdback: Holdback;
  readonly taking: Taking;
  /** Only the queues of groups have one. */
  readonly keys: KeyReader | undefined;
  /** False if an id must be recorded as handled before its next message arrives. */
  readonly maySettleLater: boolean;
  readonly trouble: Trouble;
  readonly #waitMs: number;

  constructor(
    private readonly broker: ConsumerBroker,
    private readonly options: ConsumerOptions,
    ids: MessageIds,
    runner: DeliveryRunner,
    private readonly observer: RedisQueueObserver,
    turn: TrialTurn,
    private readonly runtime: Runtime,
    /** Fires at the end of the consumer. */
    private readonly stopped: AbortSignal,
    /** A step may be due. */
    private readonly changed: () => void,
  ) {
    const { places, leaseMs, onceMs } = options;
    this.maySettleLater = onceMs === undefined;
    this.#waitMs = Math.min(LONGEST_WAIT_MS, Math.floor(leaseMs / 3));
    this.state = new ConsumerState(runtime);
    this.trouble = this.#newTrouble();
    this.membership = this.#newMembership();
    this.trial = new Trial(turn, changed, runtime);
    this.breaker = this.#newBreaker();
    this.held = new Held(options, places && new OwnPlaces(places, changed));
    const owner = this.#ownerOfDeliveries();
    const about = [this.held, broker, options, ids, runner, observer, owner] as const;
    this.deliveries = new Deliveries(...about, this.breaker, runtime);
    this.time = this.#newTimekeeping();
    this.holdback = new Holdback(this.#waitMs, () => this.taking.look(), runtime);
    this.taking = this.#newTaking();
    this.keys = options.subscription && this.#newKeyReader(options);
  }

  #newTrouble(): Trouble {
    const { observer } = this;
    const { queue } = this.options;
    const events: TroubleEvents = {
      failed: (error) => observer.callFailed?.({ queue, error }),
      recovered: () => observer.callsRecovered?.({ queue }),
    };
    return new Trouble(events, this.runtime);
  }

  #newMembership(): Membership {
    const { observer } = this;
    const { queue } = this.options;
    const events: MembershipEvents = {
      lost: (tenure) => this.#onLost(tenure),
      rejoined: () => this.#onRejoined(),
      reclaimed: (consumer, deliveries) => observer.reclaimed?.({ queue, consumer, deliveries }),
      deadLettersDropped: (dropped) => observer.deadLettersDropped?.({ queue, dropped }),
      unkeyed: () => this.keys?.look(),
      failed: (error) => this.trouble.failed(error),
    };
    const { leaseMs } = this.options;
    return new Membership(() => this.#takeLease(), leaseMs, events, this.runtime);
  }

  #takeLease(): Promise<Lease> {
    const { queue, leaseMs, deadLetterLimit, deadLetterMaxAgeMs, onceMs = 0 } = this.options;
    const { subscription, limit, order } = this.options;
    const dead = { deadLetterLimit, deadLetterMaxAgeMs };
    const terms = { leaseMs, ...dead, onceMs, waitMs: this.#waitMs, subscription, limit, order };
    return this.broker.join(queue, terms, (news) => this.#hear(news));
  }

  #hear(news: WakeNews): void {
    if (typeof news === 'number') return this.time.hear(news);
    if (news === 'keys') return this.keys?.look();
    this.keys?.lookAgain();
    if (news === 'paused') this.taking.hearPause();
    if (news === 'slowed') this.taking.hearSlowDown();
    this.taking.lookAround();
  }

  #onLost(tenure: Tenure): void {
    const { queue } = this.options;
    this.state.endWaitSoon();
    this.endTrial();
    this.time.forget();
    this.keys?.forget();
    this.holdback.forget();
    const running = this.deliveries.lose(tenure);
    this.observer.leaseLost?.({ queue, running });
  }

  #onRejoined(): void {
    const { queue } = this.options;
    if (this.membership.tenure !== undefined) this.observer.leaseRegained?.({ queue });
    this.taking.look();
    this.keys?.look();
  }

  /** The right ended with the lease, or the consumer is ending. */
  endTrial(): void {
    const wasOn = this.trial.isOn;
    this.trial.end();
    if (wasOn) this.#tellTrial(false);
  }

  #tellTrial(isOn: boolean): void {
    const { queue } = this.options;
    if (isOn) this.observer.trialBegan?.({ queue });
    else this.observer.trialEnded?.({ queue });
  }

  #newBreaker(): Breaker {
    const { queue, concurrency } = this.options;
    const events: BreakerEvents = {
      limited: (limit) => this.#limit(limit),
      slowed: (error) => this.observer.queueSlowed?.({ queue, error }),
      recovered: (slowedMs) => this.observer.queueRecovered?.({ queue, slowedMs }),
    };
    return new Breaker(concurrency, events, this.runtime);
  }

  #limit(most: number): void {
    this.held.limit(most);
    if (most === 0) this.taking.interrupt();
    else this.taking.look();
  }

  #ownerOfDeliveries(): DeliveriesOwner {
    const taking = (): Taking => this.taking;
    return {
      get mayStart() {
        return taking().mayStart;
      },
      slowDown: () => taking().hearSlowDown(),
      gate: new StartGate(this.membership, this.options.leaseMs, this.changed, this.runtime),
      stopped: this.stopped,
      changed: this.changed,
      failed: (error) => this.trouble.failed(error),
    };
  }

  #newTimekeeping(): Timekeeping {
    const nowMs = (): number => this.broker.nowMs();
    const isConsuming = (): boolean => this.state.isConsuming;
    const events: TimekeepingEvents = { due: () => this.taking.lookAround() };
    return new Timekeeping(nowMs, isConsuming, events, this.runtime);
  }

  #newKeyReader({ keyOf, maxCrashes }: ConsumerOptions): KeyReader {
    const { membership, state, stopped, trouble } = this;
    const owner = {
      get tenure() {
        return membership.tenure;
      },
      get isConsuming() {
        return state.isConsuming;
      },
      stopped,
      failed: (error: unknown) => trouble.failed(error),
    };
    return new KeyReader(keyOf, maxCrashes, owner, this.runtime);
  }

  #newTaking(): Taking {
    const { state, held, deliveries, trial, time, holdback, trouble, stopped, runtime } = this;
    const parts = { state, held, deliveries, trial, time, holdback, trouble, stopped, runtime };
    const { leaseMs, queue } = this.options;
    return new Taking(
      { ...parts, checkEveryMs: leaseMs, lookEveryMs: this.#waitMs },
      {
        lost: (tenure) => this.membership.lose(tenure),
        missing: (deliveries) => this.observer.settledElsewhere?.({ queue, deliveries }),
        trial: (isOn) => this.#tellTrial(isOn),
        changed: this.changed,
      },
    );
  }
}
