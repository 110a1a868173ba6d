import type {
  Forgetting,
  AdminBroker,
  DeadElement,
  DeadLetterPart,
  DelayedElement,
  FoundElement,
  HeldElement,
  Lane,
  LaneCheck,
  PurgedPart,
  QueueConsumer,
  QueueLengths,
  QueueLook,
} from '../../core/admin/admin-broker.js';
import { countsByPriority } from '../../core/admin/order-of-waiting.js';
import { CLOSE_WITHIN_MS } from '../../core/broker/broker.js';
import { RedisRefusedError } from '../../core/errors/call-errors.js';
import { drained } from '../../core/process/drained.js';
import type { EventAdminBroker } from '../../core/admin/event-admin-broker.js';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import { openConnections } from '../cluster/open.js';
import type { Connection } from '../connection/connection.js';
import type { Connections } from '../connection/connections.js';
import type { ConnectionSource } from '../connection/source.js';
import type { Redis } from 'ioredis';
import { processName } from '../connection/process-name.js';
import { isWildcard } from '../../core/events/event-patterns.js';
import { patternOf } from '../../core/message/queue-name.js';
import { RedisIndex } from '../subscriptions/redis-index.js';
import { allFieldsOf } from '../keys/fields-of.js';
import { Keys } from '../keys/keys.js';
import type { QueueKeys } from '../keys/keys.js';
import { listConsumers } from './consumers.js';
import { held } from './held.script.js';
import { heldLists } from './held-lists.js';
import { MessageSearch } from './message-search.js';
import { RedisEventAdmin } from '../event-admin/redis-event-admin.js';
import { scored } from './scored.js';
import { advance } from './advance.script.js';
import { deleteDeadLetters } from '../dead-letters/delete-dead-letters.script.js';
import { look } from './look.script.js';
import { LIMIT_TERMS, boundedLength, limitState } from '../../core/admin/limit-state.js';
import { slowedMsIn } from '../lua/limit-lua.js';
import { passOverNewest, passOverOldest } from '../dead-letters/pass-over.script.js';
import { setKeyPaused } from '../lanes/set-key-paused.script.js';
import { emptyAllLanes, forgetAllRests } from '../lanes/empty-lanes.js';
import { countIn } from '../lanes/keys-in-use.js';
import { checkAllLanes, repairAllLanes } from '../lanes/audit-lanes.js';
import { longestLanes } from '../lanes/longest-lanes.js';
import { IN_LANES } from '../lua/lanes-lua.js';
import { FENCE_MS } from '../lease/reclaiming.js';
import { forget } from './forget.script.js';
import { purge } from './purge.script.js';
import { redrive } from '../dead-letters/redrive.script.js';
import { remove } from './remove.script.js';
import { setPaused } from './set-paused.script.js';
import { seeWaiting } from './waiting.script.js';

export interface RedisAdminOptions {
  readonly connection: ConnectionSource;
  readonly prefix: string;
  /** How long a call waits for a connection that is away. */
  readonly connectTimeoutMs: number;
}

/** How Redis names the entries of a stream; no other text names one. */
const ENTRY = /^\d+-\d+$/;

/** Looks into queues and tends them, over a connection of its own that opens with the first call. */
export class RedisAdmin implements AdminBroker {
  readonly #keys: Keys;
  readonly #connections: Connections;
  readonly #connection: Connection;
  readonly events: EventAdminBroker;

  constructor(private readonly options: RedisAdminOptions) {
    const { connection, connectTimeoutMs } = options;
    this.#connections = openConnections(connection, processName(), () => undefined, {
      patienceMs: connectTimeoutMs,
    });
    this.#connection = this.#connections.open('admin');
    this.#keys = new Keys(options.prefix, this.#connection.database);
    const wanted = new RedisIndex(this.#connection, this.#keys, connection.cluster !== undefined);
    this.events = new RedisEventAdmin(this.#connection, this.#keys, wanted, connectTimeoutMs);
  }

  async queues(): Promise<readonly string[]> {
    await this.#ready();
    const { queues } = this.#keys;
    const known = await allFieldsOf(this.#connection.at(queues), 'list the queues', queues);
    return [...known.keys()].sort();
  }

  async lengths(queue: string): Promise<QueueLengths> {
    const keys = this.#keys.queue(queue);
    const [
      ,
      waitingSeen,
      lanes,
      unkeyed,
      suspects,
      delayed,
      dead,
      isPaused,
      counts,
      consumers,
      ...limits
    ] = await this.#run(keys.waiting, 'read lengths', (client) =>
      Promise.all([
        // Tells which key another program uses.
        client.llen(keys.waiting),
        seeWaiting.send(client, keys, {}),
        client.hget(keys.lanes, IN_LANES),
        client.llen(keys.unkeyed),
        client.llen(keys.suspects),
        client.zcard(keys.delayed),
        client.xlen(keys.dead),
        client.exists(keys.paused),
        client.hgetall(keys.counts),
        client.zcard(keys.consumers),
        client.hmget(keys.terms, ...LIMIT_TERMS),
        client.pttl(keys.slowed),
        client.get(keys.slowed),
        client.get(keys.rate),
        client.time(),
      ]),
    );
    const [terms, slowedLeft, slowedMs, rate, [seconds = 0, us = 0]] = limits;
    const inLanes = countIn(lanes);
    const held = await heldLists(this.#at(keys), keys);
    const { parts } = seeWaiting.read(waitingSeen);
    const waiting = parts.reduce((sum, { length }) => sum + length, 0);
    return {
      waiting,
      byPriority: countsByPriority(parts),
      inLanes,
      unkeyed,
      suspects,
      processing: held.reduce((sum, { length }) => sum + length, 0),
      delayed,
      dead,
      consumers,
      isPaused: isPaused === 1,
      expired: Number(counts['expired'] ?? 0),
      repeated: Number(counts['repeated'] ?? 0),
      deadLettersDropped: Number(counts['deadLettersDropped'] ?? 0),
      copiesDropped: Number(counts['copiesDropped'] ?? 0),
      ...limitState(terms, {
        length: boundedLength({ waiting, inLanes, unkeyed, suspects, delayed }),
        slowedMs: slowedMsIn(slowedLeft, slowedMs),
        nextAtUs: countIn(rate),
        // They come as text, whatever the type says.
        nowUs: Number(seconds) * 1_000_000 + Number(us),
      }),
    };
  }

  async consumers(queue: string): Promise<readonly QueueConsumer[]> {
    await this.#ready();
    return listConsumers(this.#of(queue), this.#keys.queue(queue));
  }

  async look(queue: string): Promise<QueueLook> {
    await this.#ready();
    try {
      return await this.#look(queue);
    } catch (error) {
      // The error of a script does not tell which key is meant; those of the commands that read lengths do.
      if (error instanceof RedisRefusedError && error.reply === 'WRONGTYPE')
        await this.lengths(queue);
      throw error;
    }
  }

  async #look(queue: string): Promise<QueueLook> {
    const keys = this.#keys.queue(queue);
    const { names, ...seen } = await look.run(this.#at(keys), keys, {});
    const lists = names.map(keys.processing);
    const processing =
      lists.length === 0 ? 0 : await held.run(this.#connection, {}, {}, [], { keys: lists });
    return { ...seen, queue, processing };
  }

  async waiting(queue: string, offset: number, count: number): Promise<readonly Buffer[]> {
    const keys = this.#keys.queue(queue);
    await this.#ready();
    const { parts } = await seeWaiting.run(this.#at(keys), keys, {});
    const elements: Buffer[] = [];
    let passed = 0;
    for (const { priority, isOfWaiting, from, length } of parts) {
      const first = Math.max(0, offset - passed);
      const most = Math.min(length - first, count - elements.length);
      passed += length;
      if (most <= 0) continue;
      const list = isOfWaiting ? keys.waiting : keys.level(priority);
      elements.push(...(await this.#list('peek', list, from + first, most)));
    }
    return elements;
  }

  inLane(queue: string, key: string, offset: number, count: number): Promise<readonly Buffer[]> {
    return this.#list('peek', this.#keys.queue(queue).lane(key), offset, count);
  }

  async lanes(queue: string, count: number): Promise<readonly Lane[]> {
    await this.#ready();
    return longestLanes(this.#of(queue), this.#keys.queue(queue), count);
  }

  async checkLanes(queue: string): Promise<LaneCheck | undefined> {
    await this.#ready();
    return checkAllLanes(this.#of(queue), this.#keys.queue(queue));
  }

  async repairLanes(queue: string): Promise<LaneCheck | undefined> {
    await this.#ready();
    return repairAllLanes(this.#of(queue), this.#keys.queue(queue));
  }

  suspects(queue: string, offset: number, count: number): Promise<readonly Buffer[]> {
    return this.#list('list suspects', this.#keys.queue(queue).suspects, offset, count);
  }

  async held(queue: string, offset: number, count: number): Promise<readonly HeldElement[]> {
    const keys = this.#keys.queue(queue);
    await this.#ready();
    const held: HeldElement[] = [];
    let passed = 0;
    for (const { consumer, key, length } of await heldLists(this.#at(keys), keys)) {
      const first = Math.max(0, offset - passed);
      passed += length;
      if (first >= length || held.length === count) continue;
      const elements = await this.#list('list held messages', key, first, count - held.length);
      held.push(...elements.map((element) => ({ element, consumer })));
    }
    return held;
  }

  async delayed(queue: string, offset: number, count: number): Promise<readonly DelayedElement[]> {
    const { delayed } = this.#keys.queue(queue);
    const flat = await this.#run(delayed, 'list delayed messages', (client) =>
      client.zrangeBuffer(delayed, String(offset), String(offset + count - 1), 'WITHSCORES'),
    );
    return scored(flat).map(([element, dueMs]) => ({ element, dueMs }));
  }

  async advance(queue: string, elements: readonly Buffer[], lastDueMs: number): Promise<number> {
    await this.#ready();
    const keys = this.#keys.queue(queue);
    return advance.run(this.#at(keys), keys, { wake: keys.wake, lastDueMs }, elements);
  }

  async deadLetters(
    queue: string,
    { from, offset, count, isNewestFirst }: DeadLetterPart,
  ): Promise<readonly DeadElement[]> {
    const { dead } = this.#keys.queue(queue);
    const [start, end] = isNewestFirst ? ['+', '-'] : ['-', '+'];
    const first = await this.#passOver(dead, from ?? start, offset, isNewestFirst);
    if (first === undefined) return [];
    const entries = await this.#run(dead, 'list dead letters', (client) =>
      isNewestFirst
        ? client.xrevrangeBuffer(dead, first, end, 'COUNT', count)
        : client.xrangeBuffer(dead, first, end, 'COUNT', count),
    );
    return entries.flatMap(([entry, [, element]]) =>
      element === undefined ? [] : [{ entry: entry.toString(), element }],
    );
  }

  async deadLetter(queue: string, entry: string): Promise<DeadElement | undefined> {
    if (!ENTRY.test(entry)) return undefined;
    const part = { from: entry, offset: 0, count: 1, isNewestFirst: false };
    const [element] = await this.deadLetters(queue, part);
    return element?.entry === entry ? element : undefined;
  }

  async redrive(queue: string, letters: readonly DeadElement[]): Promise<number> {
    await this.#ready();
    const keys = this.#keys.queue(queue);
    return redrive.run(this.#at(keys), keys, { wake: keys.wake }, letters);
  }

  async deleteDeadLetters(queue: string, named: readonly string[]): Promise<number> {
    const entries = named.filter((entry) => ENTRY.test(entry));
    if (entries.length === 0) return 0;
    await this.#ready();
    return deleteDeadLetters.run(this.#of(queue), this.#keys.queue(queue), {}, entries);
  }

  async parkedBodies(
    queue: string,
    names: readonly string[],
  ): Promise<ReadonlyMap<string, Buffer>> {
    const { parked } = this.#keys.queue(queue);
    const bodies = await this.#run(parked, 'read parked bodies', (client) =>
      client.hmgetBuffer(parked, ...names),
    );
    const found = names.map((name, index): [string, Buffer | null] => [
      name,
      bodies[index] ?? null,
    ]);
    return new Map(found.filter((pair): pair is [string, Buffer] => pair[1] !== null));
  }

  async setPaused(queue: string, isPaused: boolean): Promise<void> {
    await this.#ready();
    const keys = this.#keys.queue(queue);
    await setPaused.run(this.#at(keys), keys, { isPaused: isPaused ? 1 : 0, wake: keys.wake });
  }

  async setKeyPaused(queue: string, key: string, isPaused: boolean): Promise<void> {
    await this.#ready();
    const keys = this.#keys.queue(queue);
    const args = { key, isPaused: isPaused ? 1 : 0, wake: keys.wake };
    await setKeyPaused.run(this.#at(keys), keys, args);
  }

  async find(queue: string, id: string): Promise<FoundElement | undefined> {
    await this.#ready();
    return new MessageSearch(this.#of(queue), this.#keys.queue(queue), id).find();
  }

  async remove(queue: string, element: Buffer): Promise<boolean> {
    await this.#ready();
    const keys = this.#keys.queue(queue);
    return remove.run(this.#at(keys), keys, { element, wake: keys.wake });
  }

  async purge(queue: string, what: PurgedPart | 'all'): Promise<number> {
    await this.#ready();
    const keys = this.#keys.queue(queue);
    let removed = what === 'delayed' ? 0 : await emptyAllLanes(this.#at(keys), keys);
    // Messages that are pushed meanwhile may stay.
    for (let left = Infinity; left > 0;) {
      const part = await purge.run(this.#at(keys), keys, { what });
      removed += part.removed;
      left = Math.min(left - part.removed, part.left);
    }
    if (what !== 'delayed') await forgetAllRests(this.#at(keys), keys, 'timed');
    return removed;
  }

  async forget(queue: string): Promise<Forgetting> {
    await this.#ready();
    const { queues } = this.#keys;
    const { index } = this.#keys.index(patternOf(queue));
    const keys = this.#keys.queue(queue);
    const args = { queue, processing: keys.processing(''), fenceMs: FENCE_MS };
    if (!this.#connection.isCluster)
      return forget.run(this.#connection, { queues, index, ...keys }, args);
    // The list of queues is in another slot, as is the index of wildcards, which no group can have here. The hash in their
    // place has no field of this name.
    const none = isWildcard(patternOf(queue)) ? keys.counts : index;
    const result = await forget.run(this.#connection, { queues: none, index: none, ...keys }, args);
    if (result !== 'forgotten' && result !== 'unknown') return result;
    const removed = await this.#run(queues, forget.action, (client) => client.hdel(queues, queue));
    return removed === 1 ? 'forgotten' : result;
  }

  async redisInfo(): Promise<string> {
    await this.#ready();
    return this.#connection.run('ask about Redis', (client) => client.info());
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    await drained(() => connection.isBusy || connection.isAwaited, CLOSE_WITHIN_MS, nodeRuntime);
    this.#connections.close();
  }

  #list(action: string, key: string, offset: number, count: number): Promise<Buffer[]> {
    return this.#run(key, action, (client) => client.lrangeBuffer(key, offset, offset + count - 1));
  }

  /** Where the list of dead letters continues behind the first `offset` of them; undefined if there are no more. */
  async #passOver(
    dead: string,
    from: string,
    offset: number,
    isNewestFirst: boolean,
  ): Promise<string | undefined> {
    await this.#ready();
    const pass = isNewestFirst ? passOverNewest : passOverOldest;
    let next = from;
    for (let left = offset; left > 0;) {
      const { seen, last, isEnd } = await pass.run(
        this.#connection,
        { dead },
        { from: next, most: left },
      );
      if (isEnd) return undefined;
      next = `(${last}`;
      left -= seen;
    }
    return next;
  }

  /** @param key of what the command reads */
  async #run<T>(key: string, action: string, command: (client: Redis) => Promise<T>): Promise<T> {
    await this.#ready();
    return this.#connection.at(key).run(action, command);
  }

  #at({ waiting }: QueueKeys): Connection {
    return this.#connection.at(waiting);
  }

  #of(queue: string): Connection {
    return this.#at(this.#keys.queue(queue));
  }

  #ready(): Promise<void> {
    return this.#connection.ready(this.options.connectTimeoutMs);
  }
}
