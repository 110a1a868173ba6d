import { randomInt } from 'node:crypto';
import type { Redis } from 'ioredis';
import {
  OutcomeUnknownError,
  RedisRefusedError,
  RedisUnavailableError,
} from '../../core/errors/call-errors.js';
import { setAside } from '../../core/message/set-aside.js';
import type { SetAside } from '../../core/message/set-aside.js';
import { newBodyName } from '../queue/body-name.js';
import type { Connection } from '../connection/connection.js';
import type { QueueKeys } from '../keys/keys.js';
import { LARGE_BYTES } from '../script/script.js';
import { endParkingDelayed } from './end-parking-delayed.script.js';
import { endParking } from './end-parking.script.js';
import { MOST_IN_TRANSACTION, oneByOne, transact } from '../connection/transaction.js';

/** Due times long before all others: each large element gets one of its own while it is being parked. */
const LEAST_MARK = -(2 ** 52);
const MARKS = 2 ** 47;

/** After Redis could not be asked to park, nothing is parked for this time: each try may take a second or more. */
const PARKS_AGAIN_MS = 5_000;

/** Most elements that are read at once, while they are small. */
const PAGE = 100;

/** A large element in its parts, and the name under which its body is parked. */
export interface Parked extends SetAside {
  readonly name: string;
}

/** A delayed element whose small one was added or, unless `isSure`, may have been. */
interface HalfParked {
  /** The due time of the large one, which no other element has. */
  readonly mark: number;
  readonly small: Buffer;
  readonly isSure: boolean;
}

/** In whose processing list the element stands, and when that consumer's lease was seen to end. */
export interface SeenOwner {
  readonly consumer: string;
  readonly seenEndMs: number | undefined;
}

/**
 * Parks the bodies of large elements that other programs put into lists whole, as soon as somebody meets them, so that
 * scripts then move small elements. The bytes pass through no script: Redis compares and copies them by commands of its
 * own, at a fraction of what Lua needs.
 */
export class LargeElements {
  /** By `performance.now()`. */
  #parksAgainAt = 0;
  /** The delayed one that was parked last, until it is removed. */
  #half: HalfParked | undefined;

  constructor(
    /** A connection on which nothing else waits behind what takes long. */
    private readonly connection: () => Connection,
    private readonly keys: QueueKeys,
    /** Makes a unique id. */
    private readonly newId: () => string,
  ) {}

  /**
   * Puts a small element in the place of a large one; undefined if the large one is not there (any more), or cannot be
   * parked now, for example because Redis is full or cannot be asked. It then goes on as it is.
   * @throws OutcomeUnknownError
   */
  async park(list: string, large: Buffer, owner?: SeenOwner): Promise<Parked | undefined> {
    if (!this.#mayPark) return undefined;
    try {
      return await this.#park(list, large, owner);
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  get #mayPark(): boolean {
    return performance.now() >= this.#parksAgainAt;
  }

  /** @throws OutcomeUnknownError */
  #failed(error: unknown): void {
    if (error instanceof RedisRefusedError) return;
    this.#pause();
    if (!(error instanceof RedisUnavailableError)) throw error;
  }

  #pause(): void {
    this.#parksAgainAt = performance.now() + PARKS_AGAIN_MS;
  }

  /** In one step: a process that dies leaves both parts or none. */
  async #park(list: string, large: Buffer, owner?: SeenOwner): Promise<Parked | undefined> {
    const name = newBodyName();
    const { element, body } = setAside(large, name, this.newId());
    const { parked, counts, consumers } = this.keys;
    const seen = { owner: owner?.consumer ?? '', seenEndMs: owner?.seenEndMs ?? '' };
    const send = large.length + body.length > MOST_IN_TRANSACTION ? oneByOne : transact;
    const keys = { list, parked, counts, consumers };
    const args = { name, ...seen, small: element };
    const connection = this.connection();
    await connection.ready();
    // This run finds nothing to end, but shows whether a permission is missing. Noticed later, that would leave the
    // effects of the commands in front of it.
    if (!endParking.isPermitted(connection)) await endParking.run(connection, keys, args);
    const reply = await connection.run(endParking.action, (redis) =>
      send(redis, (client) => [
        client.hsetnx(parked, name, body),
        client.linsert(list, 'BEFORE', large, element),
        endParking.send(client, keys, args),
      ]),
    );
    return endParking.read(reply) ? { name, element, body } : undefined;
  }

  /**
   * Parks the body of the first delayed element if that is large. It must be due, since its due time is lost.
   * Returns false if it is not large after all, since its memory exceeds its length, or if it cannot be parked now.
   * @throws OutcomeUnknownError
   */
  async parkFirstDelayed(): Promise<boolean> {
    // Even while nothing may be parked: a large one that is half done would be handled once more.
    if (!this.#mayPark && !this.#isHalfDone) return false;
    try {
      return await this.#parkFirstDelayed();
    } catch (error) {
      this.#failed(error);
      return this.#isHalfDone;
    }
  }

  get #isHalfDone(): boolean {
    return this.#half !== undefined;
  }

  async #parkFirstDelayed(): Promise<boolean> {
    const { delayed, parked, counts } = this.keys;
    const connection = this.connection();
    await connection.ready();
    await this.#removeParked(connection);
    const [large, due] = await connection.run('look for large messages', (client) =>
      client.zrangeBuffer(delayed, '0', '0', 'WITHSCORES'),
    );
    if (large === undefined || due === undefined || large.length <= LARGE_BYTES) return false;
    const name = newBodyName();
    const { element, body } = setAside(large, name, this.newId());
    const mark = LEAST_MARK - randomInt(MARKS);
    const send = large.length + body.length > MOST_IN_TRANSACTION ? oneByOne : transact;
    const args = { name, mark, due: due.toString(), small: element };
    const keys = { delayed, parked, counts };
    if (!endParkingDelayed.isPermitted(connection))
      await endParkingDelayed.run(connection, keys, args);
    // If this process dies before the large one is removed, it is parked, and handled, once more.
    this.#half = { mark, small: element, isSure: false };
    const reply = await this.#run(connection, (redis) =>
      send(redis, (client) => [
        client.hsetnx(parked, name, body),
        client.zadd(delayed, 'XX', mark, large),
        endParkingDelayed.send(client, keys, args),
      ]),
    );
    this.#half = undefined;
    if (!endParkingDelayed.read(reply)) return false;
    this.#half = { mark, small: element, isSure: true };
    await this.#removeParked(connection);
    return true;
  }

  /** If Redis refuses it, nothing is left half done. */
  async #run(
    connection: Connection,
    command: (redis: Redis) => Promise<unknown>,
  ): Promise<unknown> {
    try {
      return await connection.run(endParkingDelayed.action, command);
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError)) this.#half = undefined;
      throw error;
    }
  }

  /** Removes the large delayed one that was parked last, if it is still there. */
  async #removeParked(connection: Connection): Promise<void> {
    const half = this.#half;
    if (half === undefined) return;
    try {
      if (half.isSure || (await this.#isDelayed(connection, half.small)))
        await connection.run(endParkingDelayed.action, (client) =>
          client.zremrangebyscore(this.keys.delayed, half.mark, half.mark),
        );
    } catch (error) {
      if (!(error instanceof RedisRefusedError)) throw error;
    }
    this.#half = undefined;
  }

  /** Whether the small one was added: nothing behind a due large one is handed out, so it is still there. */
  async #isDelayed(connection: Connection, small: Buffer): Promise<boolean> {
    const score = await connection.run('look for large messages', (client) =>
      client.zscore(this.keys.delayed, small),
    );
    return score !== null;
  }

  /**
   * Parks all large elements of a list, as far as that can be done now. Costs one command if the list is short. A parking
   * whose reply was lost does no harm: scripts move what they find, and if it is executed later, it finds nothing.
   */
  async parkAll(list: string, owner?: SeenOwner): Promise<void> {
    if (!this.#mayPark) return;
    try {
      await this.#parkAll(list, owner);
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError)) this.#failed(error);
      else this.#pause();
    }
  }

  async #parkAll(list: string, owner?: SeenOwner): Promise<void> {
    const connection = this.connection();
    await connection.ready();
    if (!(await mayHoldLarge(connection, list))) return;
    for (let from = 0, page = 1; ;) {
      const elements = await this.#read(list, from, page);
      for (const element of elements)
        if (element.length > LARGE_BYTES) await this.#park(list, element, owner);
      if (elements.length < page) return;
      from += elements.length;
      const isLarge = elements.some(({ length }) => length > LARGE_BYTES);
      page = isLarge ? 1 : Math.min(PAGE, page * 2);
    }
  }

  async #read(list: string, from: number, count: number): Promise<readonly Buffer[]> {
    return this.connection().run('look for large messages', (client) =>
      client.lrangeBuffer(list, from, from + count - 1),
    );
  }
}

/** How many nodes of a list are sampled: those with its first MiB of small elements, and more to compare them with. */
const NEAR = 128;
const FAR = 1_000;
/** Most bytes that a node of small elements takes. */
const NODE_BYTES = 9_000;
/** A list with elements of this mean length is taken to have large ones. */
const LARGE_MEAN_BYTES = 32_768;
/**
 * The nodes at the beginning are taken to have large elements if they are this many times as large as those behind
 * them.
 */
const LARGER = 3;

/**
 * Whether the first of the elements of a list, which one script may read, may be large, without reading any: by the memory
 * that the list would take if all of its nodes were like the first ones. One of about a MiB may be overlooked.
 */
export async function mayBeginWithLarge(connection: Connection, list: string): Promise<boolean> {
  const [near, far, length] = await connection.run('look for large messages', (client) =>
    Promise.all([
      client.memory('USAGE', list, 'SAMPLES', NEAR),
      client.memory('USAGE', list, 'SAMPLES', FAR),
      client.llen(list),
    ]),
  );
  if (near === null || far === null || near <= LARGE_BYTES) return false;
  if (near / Math.max(1, length) > LARGE_MEAN_BYTES) return true;
  // There are no further nodes, so this is the memory of the whole list.
  if (near === far) return near > NEAR * NODE_BYTES;
  return near > LARGER * far;
}

/**
 * Whether a list may hold a large element, without reading any: by its memory or, if only the `first` ones are sampled, by
 * the memory that it would take if all were like these. A list of many small elements may look like that, too.
 */
export async function mayHoldLarge(
  connection: Connection,
  list: string,
  first: number | 'all' = 'all',
): Promise<boolean> {
  const samples = first === 'all' ? 0 : first; // 0 is all for Redis
  const bytes = await connection.run('look for large messages', (client) =>
    client.memory('USAGE', list, 'SAMPLES', samples),
  );
  return (bytes ?? 0) > LARGE_BYTES;
}
