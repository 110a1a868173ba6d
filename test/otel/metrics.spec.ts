import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import {
  DeadLetter,
  RedisQueueAdmin,
  RedisQueueRecordBuilder,
  RetryLater,
} from 'nestjs-redis-queue-transport';
import { observeQueues, openTelemetryMetrics } from 'nestjs-redis-queue-transport/otel';
import type { RedisQueueClient, RedisQueueServerOptions } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { Gate } from '../support/gate.js';
import { nestRig } from '../support/nest-rig.js';
import { Stopwatch } from '../support/stopwatch.js';
import { Metrics } from './metrics-rig.js';

const rig = nestRig();

const SECRET = 'S3CRET';

let gate = new Gate();

@Controller()
class WorkController {
  @MessagePattern('add')
  add(terms: number[]): number {
    return terms.reduce((sum, term) => sum + term, 0);
  }

  @MessagePattern('fail', { retry: { attempts: 2, delayMs: 0 } })
  fail(): void {
    throw new TypeError(SECRET);
  }

  @MessagePattern('refuse')
  refuse(): void {
    throw new DeadLetter(SECRET);
  }

  @MessagePattern('later')
  later(): void {
    throw new RetryLater({ delayMs: 60_000 });
  }

  @MessagePattern('hold', { concurrency: 1 })
  hold(): Promise<void> {
    return gate.opened;
  }

  @EventPattern<string>('user.*', { group: 'mail' })
  onUser(): void {
    // Only there to hear events.
  }

  @EventPattern<string>('user.#')
  onUserLive(): void {
    // Likewise.
  }
}

interface Stage {
  readonly metrics: Metrics;
  readonly client: RedisQueueClient;
}

async function stage(options: RedisQueueServerOptions = {}): Promise<Stage> {
  const metrics = rig.closeLater(new Metrics());
  const observers = [openTelemetryMetrics({ meterProvider: metrics.provider })];
  await rig.serve({ controllers: [WorkController] }, { observers, ...options });
  return { metrics, client: rig.client({ observers }) };
}

async function seriesOf(metrics: Metrics, name: string): Promise<Record<string, number>> {
  const all = [...(await metrics.scrape())].filter(([series]) => series.startsWith(name));
  return Object.fromEntries(all);
}

describe('metrics of a client', () => {
  test('count what is sent and what fails, by verb and pattern, and measure its duration', async () => {
    const { metrics, client } = await stage();
    await client.enqueueMany('add', [[1], [2]]);
    expect(await lastValueFrom(client.send('add', [1, 2]))).toBe(3);
    await client.emit('user.created', {});
    await expect(client.emit('nobody', {}, { isMandatory: true })).rejects.toThrow();

    await eventually(async () =>
      expect(await seriesOf(metrics, 'messaging_client_sent_messages_total')).toEqual({
        'messaging_client_sent_messages_total{name="add",operation="enqueue"}': 2,
        'messaging_client_sent_messages_total{name="add",operation="send"}': 1,
        'messaging_client_sent_messages_total{name="user.created",operation="emit"}': 1,
        'messaging_client_sent_messages_total{name="nobody",error_type="NobodyListensError",operation="emit"}': 1,
      }),
    );
    const timed = await metrics.scrape();
    const labels = 'name="add",operation="enqueue",messaging_operation_type="send"';
    const name = 'messaging_client_operation_duration';
    expect(timed.get(`${name}_count{${labels}}`)).toBe(2);
    expect([...timed.keys()].filter((key) => key.startsWith(`${name}_bucket{${labels}`))).toEqual(
      [
        '0.005',
        '0.01',
        '0.025',
        '0.05',
        '0.075',
        '0.1',
        '0.25',
        '0.5',
        '0.75',
        '1',
        '2.5',
        '5',
        '7.5',
        '10',
        '+Inf',
      ].map((le) => `${name}_bucket{${labels},le="${le}"}`),
    );
    expect(timed.get('redis_queue_request_duration_count{name="add"}')).toBe(1);
  });

  test('have a bounded number of series, even if patterns and names of errors are made from data', async () => {
    const metrics = rig.closeLater(new Metrics());
    const observer = openTelemetryMetrics({ meterProvider: metrics.provider });
    for (let n = 0; n < 3_000; n += 1) {
      const message = {
        verb: 'emit' as const,
        queue: `user.${n}.created`,
        id: `m${n}`,
        many: undefined,
      };
      const error = Object.assign(new Error('no'), { name: `Error${n}` });
      observer.sendFailed?.(message, { error, durationMs: 1 });
    }
    const series = Object.entries(await seriesOf(metrics, 'messaging_client_sent_messages_total'));
    expect(series).toHaveLength(1_001);
    expect(new Set(series.map(([key]) => /error_type="(\w+)"/.exec(key)?.[1])).size).toBe(101);
    expect(series.at(-1)).toEqual([
      'messaging_client_sent_messages_total{name="_OTHER",error_type="_OTHER",operation="emit"}',
      2_000,
    ]);
  });
});

describe('metrics of a server', () => {
  test('count and time what is handled, for events by the pattern and the group of their handler', async () => {
    const { metrics, client } = await stage();
    await client.enqueue('add', [1]);
    await client.emit('user.created', {});
    await client.emit('user.removed', {});

    await eventually(async () =>
      expect(await seriesOf(metrics, 'messaging_client_consumed_messages_total')).toEqual({
        'messaging_client_consumed_messages_total{name="add",operation="process"}': 1,
        'messaging_client_consumed_messages_total{name="user.*",group="mail",operation="process"}': 2,
        'messaging_client_consumed_messages_total{name="user.#",operation="process"}': 2,
      }),
    );
    await eventually(async () =>
      expect(await seriesOf(metrics, 'messaging_process_duration_count')).toEqual({
        'messaging_process_duration_count{name="add",operation="process",redis_queue_outcome="ack"}': 1,
        'messaging_process_duration_count{name="user.*",group="mail",operation="process",redis_queue_outcome="ack"}': 2,
        'messaging_process_duration_count{name="user.#",operation="process",redis_queue_outcome="ack"}': 2,
      }),
    );
  });

  test('count retries, dead letters and skipped messages, each with its reason', async () => {
    const { metrics, client } = await stage();
    await client.enqueue('fail', SECRET);
    await client.enqueue('refuse', SECRET);
    await client.enqueue('later', SECRET);
    await rig.commands.rpush(`${rig.prefix}:{add}:waiting`, `{"rq":1,"id":"m","expiresAt":1}\n1`);

    await eventually(async () => {
      const all = await metrics.scrape();
      const counted = [...all].filter(([key]) => /retried|lettered|skipped/.test(key));
      expect(Object.fromEntries(counted)).toEqual({
        'redis_queue_retried_messages_total{name="fail",error_type="TypeError",reason="failed"}': 1,
        'redis_queue_retried_messages_total{name="later",reason="postponed"}': 1,
        'redis_queue_dead_lettered_messages_total{name="fail",error_type="TypeError",reason="handlerFailed"}': 1,
        'redis_queue_dead_lettered_messages_total{name="refuse",error_type="DeadLetter",reason="rejected"}': 1,
        'redis_queue_skipped_messages_total{name="add",reason="expired"}': 1,
      });
      expect([...all.keys()].join()).not.toContain(SECRET);
    });
  });

  test('show what runs now, and count lost leases and messages that are handed out again', async () => {
    gate = new Gate();
    rig.mayRemain(/}[^:]*:processing:/);
    const { metrics, client } = await stage({ leaseMs: 1_000 });
    await client.enqueue('hold', 1);
    const running = 'redis_queue_running_messages{name="hold"}';
    await eventually(async () => expect((await metrics.scrape()).get(running)).toBe(1));
    const consumers = `${rig.prefix}:{hold}:consumers`;
    // As if a process had died long ago.
    await rig.commands.zadd(consumers, 1, 'dead');
    await rig.commands.rpush(`${rig.prefix}:{hold}:processing:dead`, 'x', 'y');
    const [living = ''] = await rig.commands.zrange(consumers, '1', '1');
    await eventually(async () =>
      expect(
        (await metrics.scrape()).get(
          'redis_queue_redelivered_messages_total{name="hold",reason="reclaimed"}',
        ),
      ).toBe(2),
    );
    await rig.commands.zrem(consumers, living);
    await eventually(async () =>
      expect((await metrics.scrape()).get('redis_queue_lost_leases_total{name="hold"}')).toBe(1),
    );
    gate.open();
    await eventually(async () => {
      expect((await metrics.scrape()).get(running)).toBe(0);
      expect(await rig.commands.llen(`${rig.prefix}:{hold}:suspects`)).toBe(0);
    }, 20_000);
  });
});

describe('the observation of queues', () => {
  async function observed(prefix = rig.prefix): Promise<Metrics> {
    const metrics = rig.closeLater(new Metrics());
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions({ prefix })));
    const end = observeQueues(admin, { meterProvider: metrics.provider });
    rig.closeLater({ close: end });
    await metrics.scrape();
    return metrics;
  }

  test('shows how many messages wait, are held, delayed and dead, how old they are, and which consumers there are', async () => {
    gate = new Gate();
    const { client } = await stage();
    await client.enqueueMany('hold', [1, 2, 3]);
    await client.enqueue('hold', new RedisQueueRecordBuilder(4).delay(60_000).build());
    await client.enqueue('refuse', 1);
    const metrics = await observed();

    await eventually(async () => {
      const hold = [...(await metrics.scrape())].filter(([key]) => key.includes('name="hold"'));
      expect(Object.fromEntries(hold)).toEqual({
        'redis_queue_waiting{name="hold"}': 2,
        'redis_queue_in_lanes{name="hold"}': 0,
        'redis_queue_lanes{name="hold"}': 0,
        'redis_queue_longest_lane{name="hold"}': 0,
        'redis_queue_held{name="hold"}': 1,
        'redis_queue_delayed{name="hold"}': 1,
        'redis_queue_dead{name="hold"}': 0,
        'redis_queue_suspects{name="hold"}': 0,
        'redis_queue_unkeyed{name="hold"}': 0,
        'redis_queue_oldest_age{name="hold"}': expect.any(Number) as unknown,
        'redis_queue_consumers{name="hold"}': 1,
        'redis_queue_paused{name="hold"}': 0,
        'redis_queue_limited{name="hold"}': 0,
        'redis_queue_slowed_down{name="hold"}': 0,
        'redis_queue_full{name="hold"}': 0,
      });
    });
    await eventually(async () => {
      const all = await metrics.scrape();
      expect(all.get('redis_queue_oldest_age{name="hold"}')).toBeGreaterThan(0.5);
      expect(all.get('redis_queue_oldest_age{name="add"}')).toBe(0);
      expect(all.get('redis_queue_dead{name="refuse"}')).toBe(1);
      expect(all.get('redis_queue_consumers{name="user.*",group="mail"}')).toBe(1);
    });
    gate.open();
    await eventually(async () =>
      expect((await metrics.scrape()).get('redis_queue_waiting{name="hold"}')).toBe(0),
    );
  });

  test('shows priorities in use, and lanes, of queues that have some', async () => {
    const client = rig.client();
    await client.enqueue('plain', 1);
    for (const priority of [9, 9, 0]) await client.enqueue('work', 1, { priority });
    await client.enqueue('work', 1);
    for (const key of ['a', 'b', 'a', 'b', 'a']) await client.enqueue('work', 1, { key });
    const metrics = await observed();
    const byPriority = 'redis_queue_waiting_by_priority';
    expect(await seriesOf(metrics, byPriority)).toEqual({
      [`${byPriority}{name="work",redis_queue_priority="9"}`]: 2,
      [`${byPriority}{name="work",redis_queue_priority="4"}`]: 3,
      [`${byPriority}{name="work",redis_queue_priority="0"}`]: 1,
    });
    const all = await metrics.scrape();
    const of = (name: string): unknown => all.get(`redis_queue_${name}{name="work"}`);
    expect(['waiting', 'in_lanes', 'lanes', 'longest_lane'].map(of)).toEqual([6, 3, 2, 2]);

    // A series that is not observed again would keep its value.
    await rig.commands.del(`${rig.prefix}:{work}:levels:0`);
    await client.enqueue('work', 1, { priority: 7 });
    expect(await seriesOf(metrics, byPriority)).toEqual({
      [`${byPriority}{name="work",redis_queue_priority="9"}`]: 2,
      [`${byPriority}{name="work",redis_queue_priority="7"}`]: 1,
      [`${byPriority}{name="work",redis_queue_priority="4"}`]: 3,
      [`${byPriority}{name="work",redis_queue_priority="0"}`]: 0,
    });
    await rig.commands.set(`${rig.prefix}:{work}:dead`, 'of another program');
    expect(Object.values(await seriesOf(metrics, byPriority))).toEqual([NaN, NaN, NaN, NaN]);
    await rig.commands.del(`${rig.prefix}:{work}:dead`);
  });

  test('shows what holds messages and senders back', async () => {
    const key = (name: string): string => `${rig.prefix}:{work}:${name}`;
    const client = rig.client();
    const metrics = await observed();
    const shown = async (): Promise<unknown> => {
      const all = await metrics.scrape();
      const of = (name: string): unknown => all.get(`redis_queue_${name}{name="work"}`);
      return [of('limited'), of('slowed_down'), of('full'), of('utilization')];
    };
    await client.enqueue('work', 1);
    await client.enqueue('work', 1, { key: 'a' });
    expect(await shown()).toEqual([0, 0, 0, undefined]);

    await rig.commands.hset(key('terms'), { maxLength: '4' });
    expect(await shown()).toEqual([0, 0, 0, 0.5]);
    await client.enqueue('work', 1, { key: 'a' });
    await client.enqueue('work', 1, { delayMs: 60_000 });
    expect(await shown()).toEqual([0, 0, 1, 1]);
    await rig.commands.hdel(key('terms'), 'maxLength');
    expect(await shown()).toEqual([0, 0, 0, NaN]);

    await rig.commands.set(key('slowed'), '60000', 'PX', 60_000);
    expect(await shown()).toEqual([0, 1, 0, NaN]);
    await rig.commands.del(key('slowed'));
    await rig.commands.hset(key('terms'), { limit: '1 in 60000 ms' });
    const soonUs = (await rig.commands.time()).map(Number);
    await rig.commands.set(key('rate'), `${(soonUs[0]! + 60) * 1e6}`, 'PX', 60_000);
    expect(await shown()).toEqual([1, 0, 0, NaN]);
    await rig.commands.del(key('rate'), key('terms'));
    expect(await shown()).toEqual([0, 0, 0, NaN]);
  });

  test('costs the same commands with one message and with a million', async () => {
    async function commandsOfScrape(metrics: Metrics): Promise<string[]> {
      await metrics.scrape(); // by now, scripts are known by their name
      await rig.commands.config('RESETSTAT');
      await metrics.scrape();
      const stats = await rig.commands.info('commandstats');
      const called = [...stats.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)];
      return called.map(([, name, calls]) => `${name} ${calls}`).sort();
    }
    const waiting = `${rig.prefix}:{work}:waiting`;
    await rig.client().enqueue('work', 1);
    await rig.commands.zadd(`${rig.prefix}:{work}:consumers`, 1, 'c1', 2, 'c2');
    rig.mayRemain(/}[^:]*:consumers$/);
    const metrics = await observed();
    const before = await commandsOfScrape(metrics);
    expect(before.filter((one) => /^(eval|evalsha|hkeys|hscan)/.test(one))).toEqual([
      'evalsha 2',
      'hkeys 1', // the priorities of the only queue
      'hscan 1', // the list of queues
    ]);

    const fill = 'for i = 1, 1000 do redis.call("RPUSH", KEYS[1], unpack(ARGV)) end';
    const thousand = Array.from({ length: 1_000 }, () => '{"rq":1,"id":"m","at":1}\n1');
    await rig.commands.eval(fill, 1, waiting, ...thousand);

    expect(await commandsOfScrape(metrics)).toEqual(before);
    const all = await metrics.scrape();
    expect(all.get('redis_queue_waiting{name="work"}')).toBe(1_000_001);
  });

  test('leaves all other metrics readable while Redis does not answer', async () => {
    const { metrics, client } = await stage();
    await client.enqueue('add', [1]);
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    observeQueues(admin, { meterProvider: metrics.provider });
    await eventually(async () =>
      expect((await metrics.scrape()).get('redis_queue_waiting{name="add"}')).toBe(0),
    );
    rig.closeLater({ close: () => rig.redis.resume() });
    rig.redis.pause();
    const watch = Stopwatch.start();
    const all = await metrics.scrape();
    watch.expectAtMost(4_000);
    rig.redis.resume();
    expect(all.get('messaging_client_sent_messages_total{name="add",operation="enqueue"}')).toBe(1);
    expect(all.get('redis_queue_waiting{name="add"}')).toBeNaN();
    expect(all.get('redis_queue_reachable')).toBe(0);
    await eventually(async () => {
      const later = await metrics.scrape();
      expect(later.get('redis_queue_waiting{name="add"}')).toBe(0);
      expect(later.get('redis_queue_reachable')).toBe(1);
    });
  });

  test('leaves out a queue that cannot be read, and shows the others', async () => {
    const client = rig.client();
    await client.enqueue('good', 1);
    await client.enqueue('bad', 1);
    const metrics = rig.closeLater(new Metrics());
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    rig.closeLater({ close: observeQueues(admin, { meterProvider: metrics.provider }) });
    expect((await metrics.scrape()).get('redis_queue_waiting{name="bad"}')).toBe(1);

    await rig.commands.set(`${rig.prefix}:{bad}:dead`, 'of another program');
    await client.enqueue('good', 2);
    const all = await metrics.scrape();
    expect(all.get('redis_queue_reachable')).toBe(1);
    expect(all.get('redis_queue_waiting{name="good"}')).toBe(2);
    // A queue that is not observed would keep its last value.
    expect(all.get('redis_queue_waiting{name="bad"}')).toBeNaN();

    await rig.commands.del(`${rig.prefix}:{bad}:dead`);
    expect((await metrics.scrape()).get('redis_queue_waiting{name="bad"}')).toBe(1);
  });

  test('ends when it is told to', async () => {
    const metrics = rig.closeLater(new Metrics());
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    const end = observeQueues(admin, { meterProvider: metrics.provider, queues: ['work'] });
    expect((await metrics.scrape()).get('redis_queue_waiting{name="work"}')).toBe(0);
    end();
    await rig.commands.config('RESETSTAT');
    await metrics.scrape();
    expect(await rig.commands.info('commandstats')).not.toContain('cmdstat_eval');
  });
});
