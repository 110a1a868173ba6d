import type { Published } from '../../core/broker/broker.js';
import type { Element } from '../../core/message/envelope.js';
import { RedisRefusedError } from '../../core/errors/call-errors.js';
import { EventIndex } from '../../core/events/event-index.js';
import type { SendBudget } from '../../core/requests/send-budget.js';
import type { Connection } from '../connection/connection.js';
import { EmitCall, emitLone } from './emit-call.js';
import { emitLarge, isLargeEvent, mayBypass } from './emit-large.js';
import { EventRoutes } from './event-routes.js';
import type { Route } from './event-routes.js';
import { failureOf, failureOfOne, replyError } from '../connection/failure.js';
import { hintOfLong, refusalOfLong } from '../connection/value-bound.js';
import type { Keys } from '../keys/keys.js';
import { DUPLICATE, emitLive } from './emit.script.js';
import type { Emitted, EmitReply } from './emit.script.js';
import { TickBatch } from '../queue/tick-batch.js';

/** A class and not a literal, since many live until their reply arrives: docs/decisions/0014. */
class OutgoingEvent {
  constructor(
    readonly pattern: string,
    readonly messageId: string,
    readonly element: Element,
    readonly deduplicateMs: number | undefined,
    readonly resolve: (published: Published) => void,
    readonly reject: (error: unknown) => void,
  ) {}
}

/** Bounds of one call, so that none keeps Redis busy for long. */
const MOST_EVENTS = 500;
const MOST_BYTES = 1_048_576;

/** Refusals of the whole call because Redis would have to store something. */
const HOLDS_NOTHING: ReadonlySet<string> = new Set(['OOM', 'NOPERM']);

/**
 * Emits the events of one turn of the event loop together, in the order of the calls. It addresses them by the index of
 * groups that it knows. If Redis has a newer one, the reply contains it, and the events are sent again before anything
 * else: so an emit usually takes one round trip, and no group is missed.
 */
export class EventBatch {
  readonly #batch = new TickBatch<OutgoingEvent>((events) => this.#flush(events));
  #routes: EventRoutes;
  #underWay = 0;
  /** A large event is being emitted, and others wait for it. */
  #isOccupied = false;
  /** Events that were not emitted, since the index had changed. */
  #again: OutgoingEvent[] = [];
  /** Later events, which must not overtake those. */
  #behind: OutgoingEvent[] = [];

  constructor(
    private readonly connection: Connection,
    private readonly keys: Keys,
    /** The bodies of larger copies are parked beside the list of their group. */
    private readonly parkAboveBytes: number,
    /** Called if an event of this pattern reached no group, no listener and no history. */
    private readonly onUnheard: (pattern: string) => void,
    /** The caller has already reserved room there. */
    private readonly budget: SendBudget,
  ) {
    this.#routes = new EventRoutes(new EventIndex(new Map()), keys);
  }

  add(
    pattern: string,
    messageId: string,
    element: Element,
    deduplicateMs: number | undefined,
  ): Promise<Published> {
    return new Promise((resolve, reject) =>
      this.#batch.add(
        new OutgoingEvent(pattern, messageId, element, deduplicateMs, resolve, reject),
      ),
    );
  }

  #flush(events: readonly OutgoingEvent[]): void {
    const isWaiting = this.#again.length > 0 || this.#isOccupied;
    const large = isWaiting ? 0 : events.findIndex(isLargeEvent);
    if (large === -1) return this.#sendInParts(events);
    this.#sendInParts(events.slice(0, large));
    for (const event of events.slice(large)) this.#behind.push(event);
    if (!isWaiting) void this.#sendLarge();
  }

  /** The first of those behind. The others follow when it was published. Never rejects. */
  async #sendLarge(): Promise<void> {
    const event = this.#behind.shift();
    if (event === undefined) return;
    this.#isOccupied = true;
    this.#underWay += 1;
    await this.#emitLarge(event);
    this.#underWay -= 1;
    this.#isOccupied = false;
    if (this.#again.length > 0) {
      if (this.#underWay === 0) this.#sendAgain();
      return;
    }
    const behind = this.#behind;
    this.#behind = [];
    if (behind.length > 0) this.#flush(behind);
  }

  /** Never rejects: the event has a promise of its own. */
  async #emitLarge(event: OutgoingEvent): Promise<void> {
    const { connection } = this;
    const refusal = await this.#refusalOf(event);
    if (refusal !== undefined) {
      event.reject(refusal);
      this.budget.give(event.element.length);
      return;
    }
    // Meanwhile, earlier ones may have found another index.
    if (this.#again.length > 0) return void this.#behind.unshift(event);
    const route = this.#routes.of(event.pattern);
    const { version } = this.#routes;
    if (!mayBypass(event, route, this.parkAboveBytes)) return this.#send([event]);
    try {
      const reply = await emitLarge(connection, this.keys.groups, version, route, event);
      if (reply.isCurrent) this.#publish(event, route, reply);
      else this.#settle([event], [route], reply);
    } catch (error) {
      this.#fail([event], [route], error);
    }
  }

  /** Undefined as well if Redis cannot be asked: then sending tells. */
  async #refusalOf({ element }: OutgoingEvent): Promise<Error | undefined> {
    try {
      return await refusalOfLong(this.connection, element, emitLive.action);
    } catch {
      return undefined;
    }
  }

  /** By plain commands, which are sent before this returns. */
  #publish(event: OutgoingEvent, route: Route, reply: EmitReply & { isCurrent: true }): void {
    const [emitted = DUPLICATE] = reply.events;
    const isEmitted = emitted !== DUPLICATE && !(typeof emitted === 'object' && 'error' in emitted);
    const publishing = isEmitted
      ? route.channels.map((channel) =>
          this.connection.run(emitLive.action, (client) => client.publish(channel, event.element)),
        )
      : [];
    void this.#published(event, route, emitted, publishing);
  }

  /** Never rejects. */
  async #published(
    event: OutgoingEvent,
    route: Route,
    emitted: Emitted,
    publishing: readonly Promise<number>[],
  ): Promise<void> {
    let heard = 0;
    for (const publish of await Promise.allSettled(publishing)) {
      if (publish.status === 'fulfilled') heard += publish.value;
      // What Redis holds, it holds; live events come at most once.
      else if (!route.isHeld) return this.#fail([event], [route], publish.reason);
    }
    this.#settle([event], [route], { isCurrent: true, events: [withListeners(emitted, heard)] });
  }

  #sendInParts(events: readonly OutgoingEvent[]): void {
    if (events.length === 0) return;
    let from = 0;
    let bytes = 0;
    for (let to = 0; to < events.length; to += 1) {
      if (to - from === MOST_EVENTS || bytes >= MOST_BYTES) {
        void this.#send(events.slice(from, to));
        from = to;
        bytes = 0;
      }
      bytes += events[to]?.element.length ?? 0;
    }
    void this.#send(from === 0 ? events : events.slice(from));
  }

  /** Never rejects: each event has its own promise. */
  async #send(events: readonly OutgoingEvent[]): Promise<void> {
    const routes = events.map(({ pattern }) => this.#routes.of(pattern));
    const { version } = this.#routes;
    this.#underWay += 1;
    try {
      this.#settle(events, routes, await this.#call(events, routes, version));
    } catch (error) {
      this.#fail(events, routes, error);
    }
    this.#underWay -= 1;
    if (this.#underWay === 0 && this.#again.length > 0 && !this.#isOccupied) this.#sendAgain();
  }

  #call(
    events: readonly OutgoingEvent[],
    routes: readonly Route[],
    version: string,
  ): Promise<EmitReply> {
    const [event] = events;
    const [route] = routes;
    const isLone = events.length === 1 && event !== undefined && route !== undefined;
    return isLone && !isHeld(event, route)
      ? emitLone(this.connection, this.keys.groups, version, route, event.element)
      : this.#callOf(events, routes, version).run(this.connection);
  }

  #callOf(events: readonly OutgoingEvent[], routes: readonly Route[], version: string): EmitCall {
    const call = new EmitCall(this.keys.groups, version, this.parkAboveBytes);
    events.forEach(({ messageId, element, deduplicateMs }, index) => {
      const route = routes[index];
      if (route === undefined) return; // there is one for each event
      if (deduplicateMs === undefined) call.add(route, element);
      else call.addOnce(route, element, messageId, deduplicateMs);
    });
    return call;
  }

  #settle(events: readonly OutgoingEvent[], routes: readonly Route[], reply: EmitReply): void {
    if (reply.isCurrent) {
      events.forEach((event, index) => {
        const groups = routes[index]?.groups ?? 0;
        const emitted = reply.events[index];
        if (groups === 0 && emitted === 0) this.onUnheard(event.pattern);
        settle(event, groups, emitted);
        this.budget.give(event.element.length);
      });
      return;
    }
    this.#routes = new EventRoutes(new EventIndex(reply.index), this.keys);
    for (const event of events) this.#again.push(event);
  }

  /** All calls with the old index have returned, and none of them was executed either. */
  #sendAgain(): void {
    const events = [...this.#again, ...this.#behind];
    this.#again = [];
    this.#behind = [];
    this.#flush(events);
  }

  /** A full Redis stores nothing, and not every user may store events, but events without copies can still be published. */
  #fail(events: readonly OutgoingEvent[], routes: readonly Route[], error: unknown): void {
    const isHolding = events.some((event, index) => isHeld(event, routes[index]));
    const isWhole =
      isHolding && error instanceof RedisRefusedError && HOLDS_NOTHING.has(error.reply);
    const passing: OutgoingEvent[] = [];
    events.forEach((event, index) => {
      if (isWhole && !isHeld(event, routes[index])) return void passing.push(event);
      const { messageId, element } = event;
      event.reject(failureOfOne(error, emitLive.action, messageId, hintOfLong(element)));
      this.budget.give(event.element.length);
    });
    if (passing.length > 0) void this.#send(passing);
  }
}

function isHeld({ deduplicateMs }: OutgoingEvent, route: Route | undefined): boolean {
  return deduplicateMs !== undefined || route?.isHeld === true;
}

function withListeners(emitted: Emitted, heard: number): Emitted {
  if (typeof emitted === 'number') return emitted === DUPLICATE ? emitted : emitted + heard;
  return 'error' in emitted ? emitted : { ...emitted, listeners: emitted.listeners + heard };
}

const REPEATED: Published = { groups: 0, listeners: 0, isDuplicate: true, historyId: undefined };

function settle(event: OutgoingEvent, groups: number, emitted: Emitted = DUPLICATE): void {
  if (emitted === DUPLICATE) return event.resolve(REPEATED);
  if (typeof emitted === 'number') return event.resolve(publishedOf(groups, emitted, undefined));
  if ('error' in emitted)
    return event.reject(failureOf(replyError(emitted.error), emitLive.action, event.messageId));
  event.resolve(publishedOf(groups, emitted.listeners, emitted.historyId));
}

function publishedOf(groups: number, listeners: number, historyId: string | undefined): Published {
  return { groups, listeners, isDuplicate: false, historyId };
}
