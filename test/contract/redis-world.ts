import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { PAUSED } from '../../libs/redis-queue-transport/src/redis/admin/set-paused.script.js';
import { SendBudget } from '../../libs/redis-queue-transport/src/core/requests/send-budget.js';
import {
  connectionSource,
  openAdmin,
  openBroker,
} from '../../libs/redis-queue-transport/src/open-broker.js';
import type { BrokerEvents } from '../../libs/redis-queue-transport/src/core/source/broker-source.js';
import type { ConnectionOption } from '../../libs/redis-queue-transport/src/open-broker.js';
import { eventually } from '../support/eventually.js';
import { Proxy } from '../support/proxy.js';
import { dumpQueue, queueKey } from '../support/queue-dump.js';
import type { QueueDump } from '../support/queue-dump.js';
import type { RedisRig } from '../support/redis-rig.js';
import { expect } from '@jest/globals';
import { ENDED_MS } from './broker-world.js';
import type { Closable, BrokerWorld, CutBroker } from './broker-world.js';

/** What has a time gets an earlier one, as if that had come nearer; but for what has ended. */
const PASS_TIME = `
for _, key in ipairs(KEYS) do
  local scored = redis.call('ZRANGE', key, '(' .. ARGV[2], '+inf', 'BYSCORE')
  for _, member in ipairs(scored) do redis.call('ZINCRBY', key, -ARGV[1], member) end
end`;

/** The same for the pace of a rate, in µs, and for the time for which a queue is slowed down. */
const PASS_TIME_OF_LIMITS = `
local pace = redis.call('GET', KEYS[1])
if pace then redis.call('SET', KEYS[1], string.format('%.2f', pace - ARGV[1] * 1000), 'KEEPTTL') end
local left = redis.call('PTTL', KEYS[2])
if left > tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[2], left - ARGV[1])
elseif left > 0 then redis.call('DEL', KEYS[2]) end`;

/** The same for the rests and paces of keys: the time at which a rest began is kept as a negative one. */
const PASS_TIME_OF_KEYS = `
local rests = redis.call('ZRANGE', KEYS[1], 0, -1)
for _, member in ipairs(rests) do
  redis.call('ZINCRBY', KEYS[1], string.sub(member, 1, 1) == ':' and ARGV[1] or -ARGV[1], member)
end
for i = 2, #KEYS do redis.call('INCRBYFLOAT', KEYS[i], string.format('%.0f', -ARGV[1] * 1000)) end`;

/** A line of CLIENT LIST. */
const BLOCKED_WAIT = /name=rq-wait.* flags=[^ ]*b/;

/** The contract's world on a real Redis. */
export class RedisWorld implements BrokerWorld {
  /** Errors that brokers of this test reported in the background. */
  readonly backgroundErrors: unknown[] = [];

  constructor(
    private readonly rig: RedisRig,
    /** How many connections of each broker block. Default: as many as are needed, so that each wait takes. */
    private readonly blockingConnections = Infinity,
  ) {}

  /** How a broker connects through a proxy on this port. */
  protected connectionTo(port: number): ConnectionOption {
    return `redis://127.0.0.1:${port}`;
  }

  async open(connection: ConnectionOption = this.rig.connection): Promise<Broker> {
    const broker = this.openUnconnected(connection);
    await broker.connect();
    return broker;
  }

  openUnconnected(
    connection: ConnectionOption = this.rig.connection,
    connectTimeoutMs = 5_000,
    events: Partial<BrokerEvents> = {},
  ): Broker {
    const { broker } = openBroker(
      {
        connection: connectionSource(connection),
        prefix: this.rig.prefix,
        connectTimeoutMs,
        onEviction: 'ignore',
        parkAboveBytes: 100_000,
        budget: new SendBudget(100_000, 268_435_456),
        ...{ blockingConnections: this.blockingConnections },
      },
      {
        status: () => undefined,
        warning: () => undefined,
        interrupted: () => undefined,
        unserved: () => undefined,
        error: (error) => this.backgroundErrors.push(error),
        ...events,
      },
    );
    return this.rig.closeLater(broker);
  }

  async openCut(): Promise<CutBroker> {
    const proxy = this.rig.closeLater(await Proxy.start(this.rig.redis.port));
    const interruptions: number[] = [];
    const broker = this.openUnconnected(this.connectionTo(proxy.port), 5_000, {
      interrupted: (times) => interruptions.push(times),
    });
    await broker.connect();
    const cut = async (): Promise<void> => {
      const names = proxy.connections.filter((name) => name !== ''); // a new one has none yet
      proxy.refuse(true);
      proxy.cut();
      await eventually(async () => {
        const clients = String(await this.rig.commands.client('LIST'));
        expect(names.filter((name) => clients.includes(`name=${name} `))).toEqual([]);
      });
    };
    return { broker, interruptions, cut, restore: () => proxy.refuse(false) };
  }

  openAdmin(place: ConnectionOption = this.rig.connection): AdminBroker {
    const connection = connectionSource(place);
    const { prefix } = this.rig;
    return this.rig.closeLater(openAdmin({ connection, prefix, connectTimeoutMs: 5_000 }));
  }

  closeLater<T extends Closable>(closable: T): T {
    return this.rig.closeLater(closable);
  }

  async leaseEnds(queue: string): Promise<ReadonlyMap<string, number>> {
    const consumers = this.key(queue, 'consumers');
    const words = await this.rig.commands.zrange(consumers, '0', '-1', 'WITHSCORES');
    const names = words.filter((_, index) => index % 2 === 0);
    return new Map(names.map((name, index) => [name, Number(words[2 * index + 1])]));
  }

  async trialOf(queue: string): Promise<string | undefined> {
    return (await this.rig.commands.hget(this.key(queue, 'roles'), 'trial')) ?? undefined;
  }

  async countWaits(): Promise<number> {
    const clients = String(await this.rig.commands.client('LIST')).split('\n');
    const asleep = await this.rig.commands.keys(`${this.rig.prefix}:{*}:sleepers`);
    let many = clients.filter((line) => BLOCKED_WAIT.test(line)).length;
    for (const sleepers of asleep) many += await this.rig.commands.zcard(sleepers);
    return many;
  }

  dump(queue: string): Promise<QueueDump> {
    return dumpQueue(this.rig.commands, this.rig.prefix, queue);
  }

  async pushForeign(queue: string, ...elements: (string | Buffer)[]): Promise<void> {
    await this.rig.commands.rpush(this.key(queue, 'waiting'), ...elements);
  }

  async pushSuspects(queue: string, ...elements: (string | Buffer)[]): Promise<void> {
    await this.rig.commands.rpush(this.key(queue, 'suspects'), ...elements);
    await this.rig.commands.publish(this.key(queue, 'wake'), '');
  }

  async endLease(queue: string, consumer: string): Promise<void> {
    await this.moveLeaseEnd(queue, consumer, ENDED_MS);
  }

  async moveLeaseEnd(queue: string, consumer: string, endsAtMs: number): Promise<void> {
    await this.rig.commands.zadd(this.key(queue, 'consumers'), 'XX', endsAtMs, consumer);
  }

  async age(queue: string, ms: number): Promise<void> {
    const consumers = this.key(queue, 'consumers');
    for (const consumer of await this.rig.commands.zrange(consumers, '0', '-1'))
      await this.rig.commands.zincrby(consumers, -ms, consumer);
  }

  async ageDelayed(queue: string, ms: number): Promise<void> {
    const delayed = this.key(queue, 'delayed');
    for (const element of await this.rig.commands.zrangeBuffer(delayed, '0', '-1'))
      await this.rig.commands.zincrby(delayed, -ms, element);
  }

  async passTime(ms: number, ...queues: readonly string[]): Promise<void> {
    const parts = ['consumers', 'delayed', 'ids', 'handled', 'fenced', 'emitted'];
    const keys = queues.flatMap((queue) => parts.map((part) => this.key(queue, part)));
    await this.rig.commands.eval(PASS_TIME, keys.length, ...keys, ms, ENDED_MS);
    for (const queue of queues) {
      const ofLimits = [this.key(queue, 'rate'), this.key(queue, 'slowed')];
      await this.rig.commands.eval(PASS_TIME_OF_LIMITS, ofLimits.length, ...ofLimits, ms);
    }
    for (const resting of queues.map((queue) => this.key(queue, 'resting'))) {
      const paces = (await this.rig.commands.keys('*')).filter((key) =>
        key.startsWith(`${resting}:`),
      );
      const ofKeys = [resting, ...paces];
      await this.rig.commands.eval(PASS_TIME_OF_KEYS, ofKeys.length, ...ofKeys, ms);
    }
  }

  async fence(queue: string, ...consumers: string[]): Promise<void> {
    const [seconds = 0] = await this.rig.commands.time();
    const until = (seconds + 900) * 1_000;
    const words = consumers.flatMap((consumer) => [until, consumer]);
    await this.rig.commands.zadd(this.key(queue, 'fenced'), ...words);
  }

  async endFence(queue: string, consumer: string): Promise<void> {
    const fenced = this.key(queue, 'fenced');
    const vanishes = (await this.rig.commands.pttl(fenced)) >= 0;
    if (vanishes) await this.rig.commands.del(fenced);
    else await this.rig.commands.zadd(fenced, 'XX', 1, consumer);
  }

  async dropHeld(queue: string, consumer: string): Promise<void> {
    await this.rig.commands.del(this.key(queue, `processing:${consumer}`));
  }

  async dropWaiting(queue: string): Promise<void> {
    await this.rig.commands.del(this.key(queue, 'waiting'));
  }

  async setOut(queue: string, key: string, out: number | undefined): Promise<void> {
    const lanes = this.key(queue, 'lanes');
    if (out === undefined) await this.rig.commands.hdel(lanes, key);
    else await this.rig.commands.hset(lanes, key, out);
  }

  async dropSuspects(queue: string): Promise<void> {
    await this.rig.commands.del(this.key(queue, 'suspects'));
  }

  async lateTake(
    queue: string,
    consumer: string,
    from: 'waiting' | 'suspects' = 'waiting',
    end: 'left' | 'right' = 'left',
  ): Promise<void> {
    const { commands } = this.rig;
    const lists = [this.key(queue, from), this.key(queue, `processing:${consumer}`)] as const;
    if (end === 'left') await commands.lmove(...lists, 'LEFT', 'RIGHT');
    else await commands.lmove(...lists, 'RIGHT', 'RIGHT');
  }

  async setPaused(queue: string, isPaused: boolean): Promise<void> {
    if (isPaused) await this.rig.commands.set(this.key(queue, 'paused'), '1');
    else await this.rig.commands.del(this.key(queue, 'paused'));
    await this.rig.commands.publish(this.key(queue, 'wake'), isPaused ? PAUSED : '');
  }

  async pushToList(
    list: string,
    end: 'left' | 'right',
    ...elements: (string | Buffer)[]
  ): Promise<void> {
    if (end === 'left') await this.rig.commands.lpush(list, ...elements);
    else await this.rig.commands.rpush(list, ...elements);
  }

  listOf(list: string): Promise<readonly Buffer[]> {
    return this.rig.commands.lrangeBuffer(list, 0, -1);
  }

  async leaveFed(queue: string, ...elements: (string | Buffer)[]): Promise<void> {
    await this.rig.commands.rpush(this.key(queue, 'fed'), ...elements);
  }

  leftFed(queue: string): Promise<number> {
    return this.rig.commands.llen(this.key(queue, 'fed'));
  }

  async loseAll(): Promise<void> {
    await this.rig.commands.flushall();
  }

  async pushForeignEntry(pattern: string): Promise<void> {
    await this.rig.commands.xadd(this.key(pattern, 'history'), '*', 'by', 'hand');
  }

  async stopFilling(queue: string, entry: string): Promise<void> {
    await this.rig.commands.set(this.key(queue, 'cursor'), `(${entry}`);
  }

  replies(list: string): Promise<readonly Buffer[]> {
    return this.rig.commands.lrangeBuffer(list, 0, -1);
  }

  async repliesAside(): Promise<number> {
    return (await this.rig.commands.keys(`${this.rig.prefix}:{reply:*}:parked:*`)).length;
  }

  async outlastReplies(list: string): Promise<void> {
    const left = await this.rig.commands.pttl(list);
    if (left < 0) throw new Error('The list of replies would never vanish.');
    await this.rig.commands.pexpire(list, 1);
    await eventually(async () => expect(await this.rig.commands.exists(list)).toBe(0));
  }

  expectParked(): void {
    this.rig.mayRemain(/}[^:]*:parked$/);
  }

  expectReplies(): void {
    this.rig.mayRemain(/^[^{]*:\{reply:[^}]*\}:(replies|added|refused|parked:.*)$/);
  }

  expectFenced(): void {
    this.rig.mayRemain(/}[^:]*:fenced$/);
  }

  key(queue: string, what: string): string {
    return queueKey(this.rig.prefix, queue, what);
  }
}
