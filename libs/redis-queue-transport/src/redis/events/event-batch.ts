import type { Published } from '../../core/broker/broker.js';
import type { Element } from '../../core/message/envelope.js';
import { QueueFullError, RedisRefusedError } from '../../core/errors/call-errors.js';
import { EventIndex, groupsOf } from '../../core/events/event-index.js';
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
import type { PushConnections } from '../queue/push-batch.js';
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
  /** Ends its wait until no other event is under way. */
  #onIdle: (() => void) | undefined;
  /** Events that were not emitted, since the index had changed. */
  #again: OutgoingEvent[] = [];
  /** Later events, which must not overtake those. */
  #behind: OutgoingEvent[] = [];

  constructor(
    private readonly connections: PushConnections,
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

  /** Events wait to be emitted, or have no reply yet. */
  get isBusy(): boolean {
    const isWaiting = this.#again.length > 0 || this.#behind.length > 0 || !this.#batch.isEmpty;
    return isWaiting || this.#underWay > 0 || this.#isOccupied;
  }

  #flush(events: readonly OutgoingEvent[]): void {
    const isWaiting = this.#again.length > 0 || this.#isOccupied;
    const large = isWaiting ? 0 : events.findIndex(isLargeEvent);
    if (large === -1) return this.#sendInParts(events);
    this.#sendInParts(events.slice(0, large));
    for (const event of events.slice(large)) this.#behind.push(event);
    if (!isWaiting) void this.#sendLarge();
  }

  /**
   * Sends the first of those behind once those before it are done. The others follow once it is published. Never
   * rejects.
   */
  async #sendLarge(): Promise<void> {
    this.#isOccupied = true;
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#onIdle = undefined;
    const event = this.#again.length === 0 ? this.#behind.shift() : undefined;
    if (event !== undefined) await this.#emitLarge(event);
    this.#isOccupied = false;
    if (this.#again.length > 0) return this.#sendAgain();
    const behind = this.#behind;
    this.#behind = [];
    if (behind.length > 0) this.#flush(behind);
  }

  /** Never rejects: the event has a promise of its own. */
  async #emitLarge(event: OutgoingEvent): Promise<void> {
    const route = this.#routes.of(event.pattern);
    const { version } = this.#routes;
    const isBypassing = mayBypass(event, route, this.parkAboveBytes);
    const connection = isBypassing ? await this.#openBodies(event) : this.connections.commands;
    if (connection === undefined) return;
    const refusal = await this.#refusalOf(connection, event);
    if (refusal !== undefined) return this.#reject(event, refusal);
    if (!isBypassing) return this.#send([event]);
    try {
      const reply = await emitLarge(connection, this.keys.groups, version, route, event);
      if (reply.isCurrent) await this.#publish(connection, event, route, reply.events[0]);
      else this.#settle([event], [route], reply, connection);
    } catch (error) {
      this.#fail([event], [route], error);
    }
  }

  /** The connection for large ones. If it cannot be opened, all large ones that wait are rejected. */
  async #openBodies(event: OutgoingEvent): Promise<Connection | undefined> {
    const { bodies: open, connectTimeoutMs } = this.connections;
    try {
      const bodies = open();
      await bodies.ready(connectTimeoutMs);
      return bodies;
    } catch (error) {
      const behind = this.#behind;
      this.#behind = behind.filter((other) => !isLargeEvent(other));
      for (const one of [event, ...behind.filter(isLargeEvent)])
        this.#reject(one, failureOfOne(error, emitLive.action, one.messageId, ''));
      return undefined;
    }
  }

  #reject(event: OutgoingEvent, error: unknown): void {
    event.reject(error);
    this.budget.give(event.element.length);
  }

  /** Also undefined if Redis cannot be asked: sending it then shows. */
  async #refusalOf(connection: Connection, { element }: OutgoingEvent): Promise<Error | undefined> {
    try {
      return await refusalOfLong(connection, element, emitLive.action);
    } catch {
      return undefined;
    }
  }

  /** Publishes it by plain commands, before later events are sent. */
  async #publish(
    bodies: Connection,
    event: OutgoingEvent,
    route: Route,
    emitted: Emitted = DUPLICATE,
  ): Promise<void> {
    const isEmitted = emitted !== DUPLICATE && !isRefused(emitted);
    const publishing = (isEmitted ? route.channels : []).map((channel) =>
      bodies.run(emitLive.action, (client) => client.publish(channel, event.element)),
    );
    let heard = 0;
    for (const publish of await Promise.allSettled(publishing)) {
      if (publish.status === 'fulfilled') heard += publish.value;
      // Redis already holds the copies; live events come at most once.
      else if (!route.isHeld) throw publish.reason;
    }
    const reply: EmitReply = { isCurrent: true, events: [withListeners(emitted, heard)] };
    this.#settle([event], [route], reply, bodies);
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
    if (this.#underWay > 0) return;
    if (this.#onIdle !== undefined) this.#onIdle();
    else if (this.#again.length > 0 && !this.#isOccupied) this.#sendAgain();
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
      ? emitLone(this.connections.commands, this.keys.groups, version, route, event.element)
      : this.#callOf(events, routes, version).run(this.connections.commands);
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

  #settle(
    events: readonly OutgoingEvent[],
    routes: readonly Route[],
    reply: EmitReply,
    connection = this.connections.commands,
  ): void {
    if (reply.isCurrent) {
      events.forEach((event, index) => {
        const route = routes[index];
        if (route === undefined) return; // there is one for each event
        const emitted = reply.events[index];
        if (route.groups === 0 && emitted === 0) this.onUnheard(event.pattern);
        const outcome = outcomeOf(event, route, emitted);
        if (outcome instanceof Error) event.reject(outcome);
        else this.#resolve(event, outcome, connection);
        this.budget.give(event.element.length);
      });
      return;
    }
    this.#routes = new EventRoutes(new EventIndex(reply.index), this.keys);
    for (const event of events) this.#again.push(event);
  }

  #resolve(event: OutgoingEvent, published: Published, connection: Connection): void {
    const { replicas } = this.connections;
    const { groups, historyId, isDuplicate } = published;
    // Nothing is held of an event that was only heard.
    const isHeldNow = groups > 0 || historyId !== undefined || isDuplicate;
    if (replicas === undefined || !isHeldNow) return event.resolve(published);
    void replicas.missing(connection, event.messageId).then((missing) => {
      if (missing === undefined) event.resolve(published);
      else event.reject(missing);
    });
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
  return isRefused(emitted) ? emitted : { ...emitted, listeners: emitted.listeners + heard };
}

function isRefused(emitted: Emitted): emitted is Exclude<Emitted, number | { listeners: number }> {
  return typeof emitted === 'object' && !('listeners' in emitted);
}

const REPEATED: Published = { groups: 0, listeners: 0, isDuplicate: true, historyId: undefined };

function outcomeOf(
  { messageId }: OutgoingEvent,
  route: Route,
  emitted: Emitted = DUPLICATE,
): Published | Error {
  if (emitted === DUPLICATE) return REPEATED;
  if (typeof emitted === 'number') return publishedOf(route.groups, emitted, undefined);
  if ('error' in emitted) return failureOf(replyError(emitted.error), emitLive.action, messageId);
  if ('full' in emitted) {
    const { full, length, maxLength } = emitted;
    return new QueueFullError(route.queues[full] ?? '', length, maxLength); // it has this list
  }
  const { dropped, listeners, historyId } = emitted;
  const groups =
    dropped.length === 0
      ? route.groups
      : groupsOf(route.queues.filter((_, index) => !dropped.includes(index)));
  return publishedOf(groups, listeners, historyId);
}

function publishedOf(groups: number, listeners: number, historyId: string | undefined): Published {
  return { groups, listeners, isDuplicate: false, historyId };
}
