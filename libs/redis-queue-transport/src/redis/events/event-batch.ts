import type { Published } from '../../core/broker/broker.js';
import type { Element } from '../../core/message/envelope.js';
import {
  OutcomeUnknownError,
  RedisRefusedError,
  RedisUnavailableError,
} from '../../core/errors/call-errors.js';
import type { SendBudget } from '../../core/requests/send-budget.js';
import type { Connection } from '../connection/connection.js';
import { EmitCall, emitLone } from './emit-call.js';
import type { CommonIndex } from './emit-call.js';
import { emitLarge, isLargeEvent, mayBypass } from './emit-large.js';
import { isRefused, outcomeOf, withListeners } from './event-outcome.js';
import { EventRoutes } from './event-routes.js';
import type { Route } from './event-routes.js';
import { failureOfOne } from '../connection/failure.js';
import { hintOfLong, refusalOfLong } from '../connection/value-bound.js';
import type { Keys } from '../keys/keys.js';
import type { Wildcards } from '../subscriptions/wildcards.js';
import { DUPLICATE, emitLive } from './emit.script.js';
import type { Emitted, EmitReply } from './emit.script.js';
import type { PushConnections } from '../queue/push-batch.js';
import { TickBatch } from '../queue/tick-batch.js';

/** Where events go through. */
export interface EventPlace {
  readonly connections: PushConnections;
  readonly keys: Keys;
  readonly wildcards: Wildcards;
  /** All events have the same pattern, and the connections lead to the node that has it. */
  readonly isOfOnePattern: boolean;
  /** The bodies of larger copies are parked beside the list of their group. */
  readonly parkAboveBytes: number;
  /** The caller has already reserved room there. */
  readonly budget: SendBudget;
}

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
const MOST_COPIES = 1_000;
const MOST_BYTES = 1_048_576;
/** Of patterns, lists and histories together: the script looks at each once, which takes longer than one more copy. */
const MOST_PLACES = 150;

/** With more patterns under way, later events wait: each call checks the index of each of them. */
const MOST_UNDER_WAY = 300;

/** Refusals of the whole call because Redis would have to store something. */
const HOLDS_NOTHING: ReadonlySet<string> = new Set(['OOM', 'NOPERM']);

/**
 * Emits the events of one turn of the event loop together, in the order of the calls. It addresses them by what it knows of
 * their patterns and of the wildcards. If Redis knows better, the reply says so, and the events are sent again before
 * anything else: so an emit usually takes one round trip, and no group is missed.
 */
export class EventBatch {
  readonly #batch = new TickBatch<OutgoingEvent>((events) => this.#begin(events));
  private readonly connections: PushConnections;
  private readonly keys: Keys;
  private readonly parkAboveBytes: number;
  private readonly budget: SendBudget;
  readonly #isOfOnePattern: boolean;
  readonly #wildcards: Wildcards;
  readonly #routes: EventRoutes;
  /** The wildcards must be read before events are sent. */
  #areWildcardsOld = false;
  #underWay = 0;
  /** By how many calls each route is checked. */
  readonly #checked = new Map<Route, number>();
  /** A large event is being emitted, and others wait for it. */
  #isOccupied = false;
  /** Ends its wait until no other event is under way. */
  #onIdle: (() => void) | undefined;
  /** Events that were not emitted, since the index had changed. */
  #again: OutgoingEvent[] = [];
  /** Later events, which must not overtake those. */
  #behind: OutgoingEvent[] = [];

  constructor(
    { connections, keys, wildcards, isOfOnePattern, parkAboveBytes, budget }: EventPlace,
    /** Called if an event of this pattern reached no group, no listener and no history. */
    private readonly onUnheard: (pattern: string) => void,
  ) {
    this.connections = connections;
    this.keys = keys;
    this.parkAboveBytes = parkAboveBytes;
    this.budget = budget;
    this.#isOfOnePattern = isOfOnePattern;
    this.#wildcards = wildcards;
    this.#routes = new EventRoutes(wildcards, keys);
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

  /** The script of one pattern cannot look at the wildcards: they are read after the call, and before its events are sent. */
  #begin(events: readonly OutgoingEvent[]): void {
    if (!this.#isOfOnePattern) return this.#flush(events);
    this.#delay(events);
    if (!this.#isOccupied && this.#again.length === 0) void this.#readWildcards();
  }

  #flush(events: readonly OutgoingEvent[]): void {
    const isWaiting = this.#again.length > 0 || this.#behind.length > 0 || this.#isOccupied;
    const large = isWaiting ? 0 : events.findIndex(isLargeEvent);
    if (large === -1) return this.#sendInParts(events);
    this.#sendInParts(events.slice(0, large));
    const isDelayed = this.#behind.length > 0;
    this.#delay(events.slice(large));
    if (!isWaiting && !isDelayed) void this.#sendLarge();
  }

  #delay(events: readonly OutgoingEvent[]): void {
    for (const event of events) this.#behind.push(event);
  }

  get #isCrowded(): boolean {
    return this.#checked.size > MOST_UNDER_WAY;
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
    const isBypassing = mayBypass(event, route, this.parkAboveBytes);
    const connection = isBypassing ? await this.#openBodies(event) : this.connections.commands;
    if (connection === undefined) return;
    const refusal = await this.#refusalOf(connection, event);
    if (refusal !== undefined) return this.#reject(event, refusal);
    if (!isBypassing) return this.#send([event], [route]);
    try {
      const reply = await emitLarge(connection, this.#commonIndex(route), route, event);
      if (reply.isCurrent) await this.#publish(connection, event, route, reply.events[0]);
      else this.#settle([event], [route], reply, [event.pattern], connection);
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
    this.#settle([event], [route], reply, [event.pattern], bodies);
  }

  #sendInParts(events: readonly OutgoingEvent[]): void {
    if (events.length === 0) return;
    if (this.#isCrowded) return this.#delay(events);
    let from = 0;
    let bytes = 0;
    let copies = 0;
    let places = 0;
    let routes: Route[] = [];
    let last: Route | undefined;
    for (let to = 0; to < events.length; to += 1) {
      const event = events[to];
      if (event === undefined) continue; // there is one
      const isFull = to - from === MOST_EVENTS || bytes >= MOST_BYTES;
      if (isFull || copies >= MOST_COPIES || places >= MOST_PLACES) {
        void this.#send(events.slice(from, to), routes);
        [from, bytes, copies, places, routes, last] = [to, 0, 0, 0, [], undefined];
        if (this.#isCrowded) return this.#delay(events.slice(from));
      }
      const route = this.#routes.of(event.pattern);
      routes.push(route);
      bytes += event.element.length;
      const held = route.lists.length + route.histories.length;
      copies += held;
      if (route !== last) places += 1 + held;
      last = route;
    }
    void this.#send(from === 0 ? events : events.slice(from), routes);
  }

  /** Never rejects: each event has its own promise. */
  async #send(events: readonly OutgoingEvent[], routes: readonly Route[]): Promise<void> {
    this.#underWay += 1;
    const checked = this.#beginChecks(routes);
    try {
      await this.#call(events, routes);
    } catch (error) {
      this.#fail(events, routes, error);
    }
    this.#endChecks(checked);
    this.#underWay -= 1;
    if (this.#underWay > 0) return;
    if (this.#onIdle !== undefined) this.#onIdle();
    else if (!this.#isOccupied && this.#again.length + this.#behind.length > 0) this.#sendAgain();
  }

  /**
   * A call checks all that those under way check: if it does not find one of these as it was, they may have done nothing, and
   * its events must not overtake theirs. Returns what it checks.
   */
  #beginChecks(routes: readonly Route[]): readonly Route[] {
    const [first] = routes;
    const isOne = first !== undefined && routes.every((route) => route === first);
    const own = isOne ? [first] : [...new Set(routes)];
    const areOthersUnderWay =
      this.#checked.size > 1 || (this.#checked.size === 1 && !(isOne && this.#checked.has(first)));
    const checked = areOthersUnderWay ? [...new Set([...this.#checked.keys(), ...own])] : own;
    for (const route of checked) this.#checked.set(route, (this.#checked.get(route) ?? 0) + 1);
    return checked;
  }

  #endChecks(checked: readonly Route[]): void {
    for (const route of checked) {
      const left = (this.#checked.get(route) ?? 0) - 1;
      if (left > 0) this.#checked.set(route, left);
      else this.#checked.delete(route);
    }
  }

  async #call(events: readonly OutgoingEvent[], routes: readonly Route[]): Promise<void> {
    const { commands } = this.connections;
    const [event] = events;
    const [route] = routes;
    if (event === undefined || route === undefined) return; // there is one
    const isLone = events.length === 1 && this.#checked.size === 1 && !isHeld(event, route);
    if (isLone) {
      const reply = await emitLone(commands, this.#commonIndex(route), route, event.element);
      return this.#settle(events, routes, reply, [event.pattern]);
    }
    const call = this.#callOf(events, routes, this.#commonIndex(route));
    this.#settle(events, routes, await call.run(commands), call.checked);
  }

  #callOf(
    events: readonly OutgoingEvent[],
    routes: readonly Route[],
    common: CommonIndex,
  ): EmitCall {
    const call = new EmitCall(common, this.parkAboveBytes);
    if (this.#checked.size > 1) for (const route of this.#checked.keys()) call.check(route);
    events.forEach(({ messageId, element, deduplicateMs }, index) => {
      const route = routes[index];
      if (route === undefined) return; // there is one for each event
      if (deduplicateMs === undefined) call.add(route, element);
      else call.addOnce(route, element, messageId, deduplicateMs);
    });
    return call;
  }

  /** The index that a call compares for all its events. In a cluster, that of wildcards is in another slot. */
  #commonIndex({ index, version, wildcards }: Route): CommonIndex {
    if (this.#isOfOnePattern) return { key: index, version };
    return { key: this.keys.wildcards.index, version: wildcards };
  }

  #settle(
    events: readonly OutgoingEvent[],
    routes: readonly Route[],
    reply: EmitReply,
    checked: readonly string[],
    connection = this.connections.commands,
  ): void {
    if (reply.isCurrent) {
      events.forEach((event, index) => {
        const route = routes[index];
        if (route === undefined) return; // there is one for each event
        const emitted = reply.events[index];
        if (route.groups === 0 && emitted === 0) this.onUnheard(event.pattern);
        const outcome = outcomeOf(event.messageId, route, emitted);
        if (outcome instanceof Error) event.reject(outcome);
        else this.#resolve(event, outcome, connection);
        this.budget.give(event.element.length);
      });
      return;
    }
    for (const [check, fields] of reply.patterns) this.#routes.learn(checked[check] ?? '', fields);
    if (reply.areWildcardsOld && !this.#isOfOnePattern) this.#areWildcardsOld = true;
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

  /** All calls have returned, and none that came after the first of these was executed either. */
  #sendAgain(): void {
    if (this.#areWildcardsOld) return void this.#readWildcards();
    const events = [...this.#again, ...this.#behind];
    this.#again = [];
    this.#behind = [];
    this.#flush(events);
  }

  /** Never rejects. Without the wildcards, nothing can be sent. */
  async #readWildcards(): Promise<void> {
    this.#isOccupied = true;
    this.#areWildcardsOld = false;
    try {
      await this.#wildcards.refresh();
    } catch (error) {
      const events = [...this.#again, ...this.#behind];
      this.#again = [];
      this.#behind = [];
      const failure = error instanceof OutcomeUnknownError ? notSent(error) : error;
      for (const event of events)
        this.#reject(event, failureOfOne(failure, emitLive.action, event.messageId, ''));
    }
    this.#isOccupied = false;
    if (this.#underWay === 0 || this.#again.length === 0) this.#sendAgain();
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
    if (passing.length > 0)
      void this.#send(
        passing,
        passing.map(({ pattern }) => this.#routes.of(pattern)),
      );
  }
}

function isHeld({ deduplicateMs }: OutgoingEvent, route: Route | undefined): boolean {
  return deduplicateMs !== undefined || route?.isHeld === true;
}

/** Only reading was under way. */
function notSent(cause: OutcomeUnknownError): RedisUnavailableError {
  return new RedisUnavailableError(
    `Cannot ${emitLive.action}: the connection to Redis was lost while the wildcards were read. Nothing was sent.`,
    { cause },
  );
}
