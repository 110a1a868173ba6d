import type { AdminBroker } from '../../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type {
  Broker,
  PushTerms,
} from '../../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Limited } from '../../../libs/redis-queue-transport/src/core/broker/limit.js';
import type {
  Exchange,
  Lease,
  Settlement,
  TrialStep,
} from '../../../libs/redis-queue-transport/src/core/broker/lease.js';
import {
  decodeElement,
  encodeElement,
  idOf,
} from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import type { Element } from '../../../libs/redis-queue-transport/src/core/message/envelope.js';
import { perKeyTerms } from '../../../libs/redis-queue-transport/src/core/broker/per-key.js';
import { QueueFullError } from '../../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import type { QueueDump } from '../../support/queue-dump.js';
import { ENDED_MS } from '../broker-world.js';
import type { QueueWorld } from '../broker-world.js';
import { deadLettered, retried } from '../driven-queue.js';
import { expectTrueCounts } from '../counted-keys.js';
import { brought } from '../elements.js';
import type { Command, Exchanging, Outcome, Simple } from './commands.js';
import type { EventPlace } from './event-place.js';
import { byKey, labelOfDead, textOf } from './labels.js';
import type { Kind } from './kind.js';
import { Tools } from './tools.js';
import { HOUR_MS, LARGE_BYTES, TERMS, WINDOW_MS, delayMs, pauseMs } from './terms.js';

/** Told by labels and numbers, so that answers of two brokers and of the model can be compared. */
export type Answer = unknown;

/** All that a broker holds of a queue. */
export interface QueueState {
  readonly waiting: readonly string[];
  /** The highest priority first. */
  readonly levels: readonly string[];
  /** Each key that rests, with {@link restHours}. */
  readonly resting: readonly (readonly [string, number])[];
  /** Each begins with its key. */
  readonly lanes: readonly (readonly string[])[];
  readonly suspects: readonly string[];
  /** With whether it is due. */
  readonly delayed: readonly (readonly [string, boolean])[];
  /** The newest first. */
  readonly dead: readonly string[];
  /** By consumer. */
  readonly held: readonly (readonly string[])[];
  readonly leases: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly parked: number;
  readonly isPaused: boolean;
  /** Of an event: what another group and the history have got. */
  readonly others: readonly (readonly string[])[];
}

/** One broker, which is given the same commands as others. */
export class Side {
  readonly #leases: Lease[] = [];
  /** What each consumer holds, the oldest first. */
  readonly #held: Buffer[][] = [];
  readonly #last = new Map<number, readonly Settlement[]>();
  readonly #tools: Tools;

  constructor(
    private readonly world: QueueWorld,
    private readonly broker: Broker,
    private readonly admin: AdminBroker,
    private readonly queue: string,
    private readonly kind: Kind,
    /** What is pushed to the queue is emitted instead, and the queue gets a copy. */
    private readonly event?: EventPlace,
  ) {
    this.#tools = new Tools(admin, queue, {
      indexOf: (consumer) => this.#indexOf(consumer),
      inLanes: async () => lanesOf(await world.dump(queue)).flatMap(([, lane]) => lane),
    });
  }

  /** How many may wait. */
  async begin(): Promise<void> {
    const { maxLength } = this.kind;
    if (maxLength === undefined) return;
    await this.broker.noteTerms(this.queue, { maxLength: String(maxLength) });
  }

  async join(): Promise<void> {
    const subscription = this.event === undefined ? undefined : {};
    const { limit, order } = this.kind;
    const terms = { ...TERMS, limit, order, subscription };
    this.#leases.push(await this.broker.join(this.queue, terms, () => undefined));
    this.#held.push([]);
  }

  async run(command: Command, number: number): Promise<Answer> {
    switch (command.kind) {
      case 'push':
        return this.#push(command, number);
      case 'pushForeign':
        return this.world.pushForeign(this.queue, `f${number}`);
      case 'join':
        return this.join();
      case 'passTime':
        return this.world.passTime(
          command.hours * HOUR_MS,
          this.queue,
          ...(this.event === undefined ? [] : [this.event.pattern]),
        );
      case 'limitKeys': {
        const { pace, running } = command;
        await this.broker.noteTerms(this.queue, perKeyTerms({ running, ...pace }));
        return undefined;
      }
      case 'exchange':
        return this.#exchange(command, number);
      case 'repeat':
        return this.#repeat(command.consumer, command.trial);
      case 'loseTake':
        return this.#loseTake(command.consumer, command.trial);
      case 'crash':
        await this.world.endLease(this.queue, this.#lease(command.consumer).consumer);
        return this.#reclaim(command.consumer, command.by);
      case 'reclaim':
        return this.#reclaim(command.consumer, command.by);
      case 'tend':
        return this.#tools.run(command.tending);
      case 'simple':
        return this.#runSimple(command, number);
    }
  }

  async #push(command: Command & { readonly kind: 'push' }, number: number): Promise<Answer> {
    const { hours, isLarge, keys, more, priorities, sharedId } = command;
    const id = sharedId === undefined ? `m${number}` : `d${sharedId}`;
    const first = messageOf(
      keys[0],
      id,
      isLarge ? 'x'.repeat(LARGE_BYTES) : `n${number}`,
      priorities[0],
    );
    const deduplicateMs = sharedId === undefined ? undefined : WINDOW_MS;
    const dueMs = hours === 0 ? undefined : this.broker.nowMs() + delayMs(hours, number);
    const pushed = [this.#pushOne(id, first, { dueMs, deduplicateMs })];
    for (let place = 1; place <= more; place += 1) {
      const another = `${number}.${place}`;
      const bytes = messageOf(
        keys[place % keys.length],
        `m${another}`,
        `n${another}`,
        priorities[place % priorities.length],
      );
      pushed.push(this.#pushOne(`m${another}`, bytes, {}));
    }
    return Promise.all(pushed);
  }

  async #pushOne(id: string, bytes: Element, terms: PushTerms): Promise<Answer> {
    try {
      return this.event === undefined
        ? await this.broker.push(this.queue, id, bytes, terms)
        : await this.event.publish(id, bytes, terms.deduplicateMs);
    } catch (error) {
      if (error instanceof QueueFullError) return `full: ${error.length} of ${error.maxLength}`;
      throw error;
    }
  }

  async #exchange(
    { consumer, outcomes, take, trial, time }: Exchanging,
    number: number,
  ): Promise<Answer> {
    const held = this.#heldBy(consumer);
    const settlements = outcomes.map((outcome, place) =>
      settlementOf(outcome, held[place]!, this.queue, pauseMs(number, place)),
    );
    const reply = await this.#lease(consumer).exchange(settlements, take, trial, time);
    if (reply === 'leaseLost') return reply;
    this.#last.set(consumer, settlements);
    this.#held[consumer] = [...held.slice(outcomes.length), ...reply.taken];
    return answerOf(reply);
  }

  async #repeat(consumer: number, trial: TrialStep | undefined): Promise<Answer> {
    const reply = await this.#lease(consumer).exchange(this.#last.get(consumer) ?? [], 0, trial);
    return reply === 'leaseLost' ? reply : answerOf(reply);
  }

  async #loseTake(consumer: number, trial: TrialStep | undefined): Promise<Answer> {
    const lease = this.#lease(consumer);
    await this.#lateTake(lease.consumer);
    await lease.exchange([], 0, trial);
    const reply = await lease.exchange([], 0, trial);
    return reply === 'leaseLost' ? reply : answerOf(reply);
  }

  #lateTake(consumer: string): Promise<void> {
    const end = this.kind.order === 'newestFirst' ? 'right' : 'left';
    return this.world.lateTake(this.queue, consumer, 'waiting', end);
  }

  async #reclaim(consumer: number, by: number): Promise<Answer> {
    const reclaimed = await this.#lease(by).reclaim(this.#lease(consumer).consumer, ENDED_MS);
    const leases = await this.admin.consumers(this.queue);
    const isHeld = leases.some(
      ({ name, state }) => name === this.#lease(consumer).consumer && state !== 'reclaimed',
    );
    if (!isHeld) this.#held[consumer] = [];
    return reclaimed;
  }

  async #runSimple({ verb, consumer: index }: Simple, number: number): Promise<Answer> {
    const lease = this.#lease(index);
    switch (verb) {
      case 'wait': {
        const answer = await lease.wait(NEVER);
        if (isLimited(answer)) return limitedOf(answer);
        const taken = await brought(Promise.resolve(answer));
        this.#heldBy(index).push(taken);
        return textOf(taken);
      }
      case 'renew': {
        const renewal = await lease.renew();
        if (renewal === 'leaseLost') return renewal;
        return renewal.doubtful.map(({ consumer }) => this.#indexOf(consumer)).sort();
      }
      case 'leave':
        this.#held[index] = [];
        return lease.leave();
      case 'endLease':
        return this.world.endLease(this.queue, lease.consumer);
      case 'lateTake':
        return this.#lateTake(lease.consumer);
      case 'findLateTakes': {
        const all = this.#leases.map(({ consumer }) => consumer);
        const found = await lease.findLateTakes(await this.#withoutLease(all));
        return found.map((consumer) => this.#indexOf(consumer)).sort();
      }
      case 'readBody':
        return this.#readBody(index);
      case 'wasHandled': {
        const pushed = [...Array(number).keys()];
        const were = await Promise.all(pushed.map((each) => lease.wasHandled(`m${each}`)));
        return pushed.filter((each) => were[each]);
      }
    }
  }

  async #withoutLease(names: readonly string[]): Promise<readonly string[]> {
    const consumers = await this.admin.consumers(this.queue);
    const leased = consumers.filter(({ state }) => state !== 'reclaimed').map(({ name }) => name);
    return names.filter((name) => !leased.includes(name));
  }

  async #readBody(index: number): Promise<Answer> {
    const names = this.#heldBy(index).flatMap((each) => decodeElement(each).parked ?? []);
    const body = await this.#lease(index).parkedBody(names[0] ?? 'none');
    return Buffer.isBuffer(body) ? body.length : body;
  }

  async state(): Promise<QueueState> {
    const [dump, delayed, { isPaused }, consumers, nowMs] = await Promise.all([
      this.world.dump(this.queue),
      this.admin.delayed(this.queue, 0, 1_000),
      this.admin.lengths(this.queue),
      this.admin.consumers(this.queue),
      this.admin.look(this.queue).then((look) => look.nowMs),
    ]);
    expectTrueCounts(dump);
    const { deadLettersDropped, expired, parkedEver, repeated } = dump;
    const held = this.#leases.map(({ consumer }) => dump.processing.get(consumer) ?? []);
    return {
      waiting: dump.waiting.map(textOf),
      levels: [...dump.levels]
        .sort(([one], [other]) => other - one)
        .flatMap(([, level]) => level.map(textOf)),
      resting: [...dump.resting]
        .sort(byKey)
        .map(([key, untilMs]) => [decodeURIComponent(key), restHours(untilMs, nowMs)]),
      lanes: lanesOf(dump).map(([key, lane]) => [decodeURIComponent(key), ...lane.map(textOf)]),
      suspects: dump.suspects.map(textOf),
      delayed: delayed.map((each) => [textOf(each.element), each.dueMs <= nowMs]),
      dead: dump.dead.map(labelOfDead),
      held: held.map((elements) => elements.map(textOf)),
      leases: this.#leases.map(
        (lease) => consumers.find(({ name }) => name === lease.consumer)?.state ?? 'none',
      ),
      counts: { deadLettersDropped, expired, parkedEver, repeated },
      parked: dump.parked.length,
      isPaused,
      others: (await this.event?.state()) ?? [],
    };
  }

  /** Every consumer goes, and nothing is left: no message, no body, and no key. Answers the bodies and keys that are. */
  async end(): Promise<readonly string[]> {
    for (const { consumer } of this.#leases) {
      await this.world.endLease(this.queue, consumer);
      await this.#lease(0).reclaim(consumer, ENDED_MS);
    }
    await Promise.allSettled(this.#leases.map((lease) => lease.leave()));
    await this.admin.purge(this.queue, 'all');
    // A pause of a key survives that.
    for (const key of (await this.world.dump(this.queue)).resting.keys())
      await this.admin.setKeyPaused(this.queue, key, false);
    await this.#tools.deleteAllDeadLetters();
    const { parked, lanes, levels, out, resting } = await this.world.dump(this.queue);
    const left = [lanes, levels, out, resting].map((part) => [...part.keys()].map(String));
    return [parked, left.flat(), (await this.event?.end()) ?? []].flat();
  }

  #lease(index: number): Lease {
    const lease = this.#leases[index];
    if (lease === undefined) throw new Error(`There is no consumer ${index}.`);
    return lease;
  }

  #heldBy(index: number): Buffer[] {
    return this.#held[index] ?? [];
  }

  #indexOf(consumer: string): number {
    return this.#leases.findIndex((lease) => lease.consumer === consumer);
  }
}

const NEVER = new AbortController().signal;

function messageOf(
  key: string | undefined,
  id: string,
  body: string,
  priority: number | undefined,
): Element {
  return encodeElement({ id, key, priority, sentAtMs: 1 }, body);
}

function lanesOf({ lanes }: QueueDump): readonly (readonly [string, readonly Buffer[]])[] {
  return [...lanes].sort(byKey);
}

function answerOf({
  taken,
  missing,
  suspects,
  isPaused,
  dueInMs,
  isTimekeeper,
  limited,
}: Exchange): Answer {
  return {
    taken: taken.map(textOf),
    missing,
    suspects,
    isPaused,
    dueInHours: dueInMs === undefined ? undefined : Math.floor(dueInMs / HOUR_MS),
    isTimekeeper,
    limited: limited && limitedOf(limited),
  };
}

function isLimited(answer: Awaited<ReturnType<Lease['wait']>>): answer is Limited {
  return typeof answer === 'object' && 'spreadMs' in answer;
}

/** Hours until the next may be taken: of a rate whole ones, of a queue that was slowed down half a one more. */
export function limitedOf({ inMs, isSlowed }: Pick<Limited, 'inMs' | 'isSlowed'>): Answer {
  const round = isSlowed ? Math.floor : Math.ceil;
  return { isSlowed, inHours: inMs === undefined ? undefined : round(inMs / HOUR_MS) };
}

/** How many hours a key rests yet, begun ones included; 0 if it may go on. */
export function restHours(untilMs: number, nowMs: number): number {
  return untilMs <= nowMs ? 0 : Math.ceil((untilMs - nowMs) / HOUR_MS);
}

function settlementOf(outcome: Outcome, taken: Buffer, queue: string, laterMs: number): Settlement {
  const isParked = decodeElement(taken).parked === undefined ? {} : { isParked: true as const };
  switch (outcome) {
    case 'ack':
      return { kind: 'ack', element: taken, ...isParked };
    case 'once': {
      const id = idOf(taken);
      return {
        kind: 'ack',
        element: taken,
        ...isParked,
        ...(id === undefined ? {} : { onceId: id }),
      };
    }
    case 'release':
      return { kind: 'release', element: taken };
    case 'retry':
      return retried(taken);
    case 'retryLater':
      return retried(taken, laterMs);
    case 'slowDown':
      return { ...retried(taken, laterMs), slowsQueue: true };
    case 'slowKeyDown':
      return { ...retried(taken, laterMs), slowsKey: true };
    case 'deadLetter':
      return deadLettered(taken, queue);
    case 'expired':
    case 'repeated':
      return { kind: 'skip', element: taken, why: outcome };
  }
}
