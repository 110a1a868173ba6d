import { Consumer } from '../../../libs/redis-queue-transport/src/core/consumer/consumer.js';
import type {
  ConsumerBroker,
  ConsumerOptions,
} from '../../../libs/redis-queue-transport/src/core/consumer/consumer-parts.js';
import { type TrialTurn } from '../../../libs/redis-queue-transport/src/core/consumer/trial.js';
import type { QueueTerms } from '../../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease } from '../../../libs/redis-queue-transport/src/core/broker/lease.js';
import type { Delivery } from '../../../libs/redis-queue-transport/src/core/delivery/delivery.js';
import { DeliveryRunner } from '../../../libs/redis-queue-transport/src/core/delivery/delivery-runner.js';
import { isExpired } from '../../../libs/redis-queue-transport/src/core/delivery/intake.js';
import type { HeldBounds } from '../../../libs/redis-queue-transport/src/core/held/held.js';
import type { RedisQueueObserver } from '../../../libs/redis-queue-transport/src/core/lifecycle/observer.js';
import { perKeyTerms } from '../../../libs/redis-queue-transport/src/core/broker/per-key.js';
import { MessageIds } from '../../../libs/redis-queue-transport/src/core/message/message-id.js';
import type { Start } from '../check/ledger.js';
import { Limits } from '../check/limits.js';
import { VainExchanges } from '../check/vain-exchanges.js';
import type { ConsumerPlan, QueuePlan, Step } from '../scenario/scenario.js';
import type { SimulatedProcess } from './simulated-process.js';
import { SimulatedBatches } from './simulated-batches.js';
import { SimulatedHandler } from './simulated-handler.js';
import type { HandlerHost } from './simulated-handler.js';

const AGAIN_MS = 500;

/** Which consumer has taken a message, and when it learnt that, by the time of its process. */
export interface Taken {
  readonly consumer: string;
  readonly atMs: number;
}

/** What the consumers of a process tell the books. */
export interface ConsumerWatch {
  /** Its terms, and what it declares, were written. */
  served(queue: string): void;
  /** It has learnt that it has a lease. */
  joined(consumer: string): void;
  /** An exchange that was asked for at that time was answered, while it did not wait. It knows to hold these. */
  knows(queue: string, consumer: string, askedAtMs: number, known: readonly Buffer[]): void;
  /** An exchange that was asked for at that time was answered, and not by `leaseLost`. */
  exchanged(consumer: string, askedAtMs: number): void;
  began(process: string, taken: Taken, delivery: Delivery): { start: Start; step: Step };
  ended(delivery: Delivery, start: Start, end: Start['end']): void;
  computed(process: string, ms: number): void;
  killed(process: string): void;
  settled(process: string, id: string | undefined, as: string): void;
  skipped(id: string | undefined, why: string): void;
  /** It has learnt that a handler of its own wants the queue to be slowed down. */
  asksToSlow(process: string, queue: string, ms: number): void;
  /** It has heard that the queue was slowed down. */
  heardSlowed(process: string, queue: string): void;
  leaseLost(process: string, consumer: string): void;
  handedBack(process: string, queue: string): void;
  /** It runs or holds more than it may. */
  exceeded(process: string, what: string): void;
  /** The key that the data of a message says. */
  dataKeyOf(id: string): string | undefined;
  tell(line: string): void;
  violate(rule: string, what: string): void;
}

/** What a server writes for senders. */
export function termsOf({ maxLength, perKey }: QueuePlan): QueueTerms {
  return { maxLength: String(maxLength ?? 'none'), ...perKeyTerms(perKey) };
}

/** One queue in one process: the real consumer, with handlers that do what was planned. */
export class QueueConsumer {
  #consumer: Consumer | undefined;
  #isStopping = false;
  /** By the bytes that it handed out. */
  readonly #taken = new WeakMap<Buffer, Taken>();
  #lease: string | undefined;
  readonly #bounds: HeldBounds;
  readonly #limits: Limits;
  readonly #vain: VainExchanges;

  constructor(
    private readonly process: SimulatedProcess,
    private readonly plan: QueuePlan,
    private readonly places: ConsumerPlan,
    private readonly turn: TrialTurn,
    private readonly watch: ConsumerWatch,
  ) {
    const concurrency = places.concurrency * (plan.batchSize ?? 1);
    const { prefetch } = places;
    // As in a server: what is held in advance would use up the limit.
    const most = plan.limit === undefined ? Math.max(prefetch, concurrency) : concurrency;
    this.#bounds = { concurrency, prefetch: most };
    this.#limits = new Limits(this.#bounds, (what) =>
      watch.exceeded(process.name, `the consumer of ${plan.name} ${what}`),
    );
    this.#vain = new VainExchanges((what) =>
      watch.violate('no hot loop', `the consumer of ${plan.name} in ${process.name} ${what}`),
    );
  }

  /** As a server that is started again until it can join. */
  async start(): Promise<void> {
    while (!this.#isStopping) {
      const consumer = this.#newConsumer();
      this.#consumer = consumer;
      try {
        await consumer.start();
        return await this.#noteTerms();
      } catch {
        this.#consumer = undefined;
        await this.#pause();
      }
    }
  }

  async #noteTerms(): Promise<void> {
    const { name } = this.plan;
    const terms = termsOf(this.plan);
    for (let isNoted = false; !isNoted && !this.#isStopping;) {
      const noted = this.process.broker.noteTerms(name, terms);
      isNoted = await noted.then(
        () => true,
        () => this.#pause().then(() => false),
      );
      if (isNoted) this.watch.served(name);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.process.runtime.setTimeout(resolve, AGAIN_MS));
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    await this.#consumer?.stop(deadlineMs);
  }

  #newConsumer(): Consumer {
    const { name, runtime, broker } = this.process;
    const { plan, watch } = this;
    const options: ConsumerOptions = {
      queue: plan.name,
      ...this.#bounds,
      leaseMs: plan.leaseMs,
      deadLetterLimit: undefined,
      deadLetterMaxAgeMs: 30 * 24 * 3_600_000,
      maxCrashes: plan.maxCrashes,
      onceMs: plan.onceMs,
      limit: plan.limit,
      ...this.#eventTerms(),
    };
    const watched: ConsumerBroker = {
      join: async (queue, terms, onWake) =>
        this.#watched(
          await broker.join(queue, terms, (news) => {
            if (news === 'slowed') watch.heardSlowed(name, queue);
            onWake(news);
          }),
        ),
      nowMs: () => broker.nowMs(),
      isReplyList: (list) => broker.isReplyList(list),
    };
    const ids = new MessageIds(runtime);
    const about = [options, ids, this.#runner(), this.#observer(name), this.turn] as const;
    return new Consumer(watched, ...about, runtime);
  }

  /** For the events of a group. */
  #eventTerms(): Pick<ConsumerOptions, 'subscription' | 'keyOf'> {
    const { plan, places, watch } = this;
    if (plan.eventsOf === undefined) return {};
    if (!plan.readsKeys || !places.readsKeys) return { subscription: {} };
    return {
      subscription: { readsKeys: true },
      keyOf: ({ id = '?' }) => (plan.keyMs === 0 ? watch.dataKeyOf(id) : this.#keyInTime(id)),
    };
  }

  #keyInTime(id: string): Promise<string | undefined> {
    const { plan, process, watch } = this;
    return new Promise((resolve) =>
      process.runtime.setTimeout(() => resolve(watch.dataKeyOf(id)), plan.keyMs),
    );
  }

  #runner(): DeliveryRunner {
    const { process, plan, places, watch } = this;
    const host: HandlerHost = {
      runtime: process.runtime,
      begins: (delivery) => {
        const taken = this.#taken.get(delivery.element) ?? { consumer: '?', atMs: 0 };
        const begun = watch.began(process.name, taken, delivery);
        this.#limits.began(delivery);
        return begun;
      },
      ended: (delivery, start, end) => {
        this.#limits.ended(delivery);
        watch.ended(delivery, start, end);
      },
      computed: (ms) => watch.computed(process.name, ms),
      killed: () => watch.killed(process.name),
    };
    const retry = {
      attempts: plan.attempts,
      backoff: 'exponential',
      delayMs: plan.retryDelayMs,
      maxDelayMs: 2_000,
    } as const;
    const { timeoutMs } = plan;
    if (plan.batchSize === undefined)
      return new DeliveryRunner(new SimulatedHandler(host), { retry, timeoutMs }, process.runtime);
    const batches = new SimulatedBatches(host, {
      size: plan.batchSize,
      concurrency: places.concurrency,
      timeoutMs,
      isExpired: ({ envelope }) => isExpired(envelope, process.broker),
    });
    return new DeliveryRunner(batches, { retry }, process.runtime);
  }

  /** Notes which consumer takes what. */
  #watched(lease: Lease): Lease {
    const { consumer } = lease;
    this.#lease = consumer;
    this.watch.joined(consumer);
    this.#limits.joined();
    const known = new Set<Buffer>();
    let waits = 0;
    let waiting = 0;
    const exchange = lease.exchange.bind(lease);
    lease.exchange = async (...asked) => {
      const askedAtMs = this.process.runtime.localMs;
      const waitsBefore = waiting > 0 ? undefined : waits;
      this.#limits.settles(asked[0]);
      const answer = await exchange(...asked);
      if (answer === 'leaseLost') return answer;
      this.watch.exchanged(consumer, askedAtMs);
      for (const { element } of asked[0]) known.delete(element);
      for (const element of answer.taken) known.add(element);
      if (waits === waitsBefore) this.watch.knows(this.plan.name, consumer, askedAtMs, [...known]);
      if (answer.limited?.isSlowed === true)
        this.watch.heardSlowed(this.process.name, this.plan.name);
      this.#vain.exchanged(askedAtMs, asked[0].length + answer.taken.length);
      // A suspect comes on top of what its consumer is about to hand back.
      if (asked[2] !== 'next') this.#limits.took(answer.taken);
      const taken = { consumer, atMs: this.process.runtime.localMs };
      for (const element of answer.taken) this.#taken.set(element, taken);
      return answer;
    };
    const wait = lease.wait.bind(lease);
    lease.wait = async (signal) => {
      waits += 1;
      waiting += 1;
      const answer = await wait(signal).finally(() => (waiting -= 1));
      if (!Buffer.isBuffer(answer)) return answer;
      known.add(answer);
      this.#taken.set(answer, { consumer, atMs: this.process.runtime.localMs });
      this.#limits.took([answer]);
      return answer;
    };
    return lease;
  }

  #observer(process: string): RedisQueueObserver {
    const { watch } = this;
    return {
      settled: ({ id }, as) => watch.settled(process, id, as),
      skipped: ({ id }, why) => watch.skipped(id, why),
      postponed: ({ queue }, { delayMs, slowsQueue }) => {
        if (slowsQueue === true) watch.asksToSlow(process, queue, delayMs);
      },
      leaseLost: () => watch.leaseLost(process, this.#lease ?? '?'),
      handedBack: ({ queue }) => watch.handedBack(process, queue),
      trialBegan: () => watch.tell(`${process} begins a trial`),
      trialEnded: () => watch.tell(`${process} ends its trial`),
      reclaimed: ({ consumer, deliveries }) =>
        watch.tell(`${process} takes back ${deliveries} of ${consumer}`),
    };
  }
}
