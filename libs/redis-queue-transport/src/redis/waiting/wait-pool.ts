import type { Connection } from '../connection/connection.js';
import type { Connections } from '../connection/connections.js';
import { Busyness } from './busyness.js';

/** How many connections of a process block, if it can be told of messages in another way. */
export const BLOCKING_CONNECTIONS = 2;

/** A consumer without a connection gets that of another if it was this much busier lately, so that they do not take turns. */
const BUSIER_TIMES = 2;
/** And at least this many messages busier. */
const BUSIER_BY = 3;

/** A consumer that waits, on a connection of its own or asleep. */
export interface Waiter {
  /** How long one blocking call lasts. */
  readonly waitMs: number;
  /** The list for which it waits. */
  readonly list: string;
  /** It uses its connection now. */
  readonly isBlocking: boolean;
  readonly isAsleep: boolean;
  /** Ends what it does soon. It then waits again, on another connection or asleep. */
  endWait(): void;
}

/** A connection, and who may block on it. */
interface Place {
  connection: Connection;
  waitMs: number;
  holder: Waiter | undefined;
  /** Gets it as soon as the holder no longer uses it. */
  successor: Waiter | undefined;
}

/**
 * The blocking connections of a process. The consumers that got messages most lately hold them; the others sleep. As long
 * as there are no more consumers than connections, each has its own.
 */
export class WaitPool {
  readonly #places: Place[] = [];
  readonly #busyness = new Map<Waiter, Busyness>();

  constructor(
    private readonly connections: Connections,
    private most: number,
  ) {}

  /** One more consumer would have a connection of its own. */
  get hasRoom(): boolean {
    return this.#places.length < this.most || this.#places.some((place) => isFree(place));
  }

  /** From now on each consumer has a connection of its own, since nothing else wakes it. */
  lift(): void {
    this.most = Infinity;
    for (const waiter of this.#busyness.keys()) if (waiter.isAsleep) waiter.endWait();
  }

  /**
   * Opens a connection for a consumer that is about to join. A consumer that cannot wait would get messages late or never,
   * so it must not start. Returns undefined if it has to sleep. @throws RedisUnavailableError | RedisRefusedError
   */
  async open(waiter: Waiter, timeoutMs: number): Promise<Connection | undefined> {
    this.#busyness.set(waiter, new Busyness());
    const connection = this.connectionOf(waiter);
    try {
      await connection?.ready(timeoutMs);
      return connection;
    } catch (error) {
      this.leave(waiter);
      throw error;
    }
  }

  /** The connection on which it may block; undefined if it has to sleep. */
  connectionOf(waiter: Waiter): Connection | undefined {
    const own = this.#placeOf(waiter);
    if (own !== undefined) return this.#led(own, waiter);
    const free = this.#places.find((place) => isFree(place));
    if (free !== undefined) return this.#give(free, waiter);
    if (this.#places.length >= this.most) return undefined;
    const { list, waitMs } = waiter;
    const connection = this.connections.openBlocking('wait', list, waitMs);
    this.#places.push({ connection, waitMs, holder: waiter, successor: undefined });
    return connection;
  }

  /** It got a message. If it sleeps for the next ones although it is clearly busier than a holder, it follows that one. */
  count(waiter: Waiter): void {
    const now = performance.now();
    const busyness = this.#busyness.get(waiter);
    if (busyness === undefined) return;
    busyness.add(now);
    const areAllHeld = this.#places.length >= this.most;
    if (!areAllHeld || this.#placeOf(waiter) !== undefined) return;
    const weakest = this.#weakestPlace(now);
    const least = BUSIER_TIMES * this.#busynessOf(weakest?.holder, now) + BUSIER_BY;
    if (weakest === undefined || busyness.at(now) < least) return;
    weakest.successor = waiter;
    if (weakest.holder?.isBlocking === true) weakest.holder.endWait();
    else this.#vacate(weakest);
  }

  /** It no longer uses its connection. */
  ended(waiter: Waiter): void {
    const place = this.#placeOf(waiter);
    if (place?.successor !== undefined) this.#vacate(place);
  }

  /** It waits no more. May be called twice. */
  leave(waiter: Waiter): void {
    if (!this.#busyness.delete(waiter)) return;
    for (const place of this.#places) if (place.successor === waiter) place.successor = undefined;
    const place = this.#placeOf(waiter);
    if (place === undefined) return;
    const asleep = [...this.#busyness.keys()].filter(({ isAsleep }) => isAsleep);
    const now = performance.now();
    place.successor ??= busiest(asleep, (one) => this.#busynessOf(one, now));
    if (place.successor === undefined) {
      place.connection.close();
      this.#places.splice(this.#places.indexOf(place), 1);
      return;
    }
    // Ends the blocking call.
    if (waiter.isBlocking) place.connection.reconnect();
    this.#vacate(place);
  }

  #vacate(place: Place): void {
    const { successor } = place;
    place.holder = undefined;
    place.successor = undefined;
    if (successor === undefined) return;
    this.#give(place, successor);
    if (successor.isAsleep) successor.endWait();
  }

  #give(place: Place, waiter: Waiter): Connection {
    place.holder = waiter;
    if (place.waitMs !== waiter.waitMs) {
      // Its deadline is that of its calls.
      place.connection.close();
      place.connection = this.connections.openBlocking('wait', waiter.list, waiter.waitMs);
      place.waitMs = waiter.waitMs;
    }
    return this.#led(place, waiter);
  }

  #led({ connection }: Place, { list }: Waiter): Connection {
    this.connections.lead(connection, list);
    return connection;
  }

  #placeOf(waiter: Waiter): Place | undefined {
    return this.#places.find(({ holder }) => holder === waiter);
  }

  #weakestPlace(now: number): Place | undefined {
    const places = this.#places.filter(({ successor }) => successor === undefined);
    return busiest(places, ({ holder }) => -this.#busynessOf(holder, now));
  }

  #busynessOf(waiter: Waiter | undefined, now: number): number {
    return (waiter && this.#busyness.get(waiter)?.at(now)) ?? 0;
  }
}

function isFree({ holder, successor }: Place): boolean {
  return holder === undefined && successor === undefined;
}

function busiest<T>(all: readonly T[], busyness: (one: T) => number): T | undefined {
  let first: T | undefined;
  for (const one of all) if (first === undefined || busyness(one) > busyness(first)) first = one;
  return first;
}
