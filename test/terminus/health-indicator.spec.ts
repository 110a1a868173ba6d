import { describe, expect, jest, test } from '@jest/globals';
import { Controller, Get, Inject } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import type { CustomStrategy } from '@nestjs/microservices';
import {
  HealthCheck,
  HealthCheckService,
  HealthIndicatorService,
  TerminusModule,
} from '@nestjs/terminus';
import type { HealthCheckResult } from '@nestjs/terminus';
import { DeadLetter, InvalidOptionError, RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { RedisQueueHealthIndicator } from 'nestjs-redis-queue-transport/terminus';
import type { RedisQueueHealthOptions } from 'nestjs-redis-queue-transport/terminus';
import { eventually } from '../support/eventually.js';
import { Gate } from '../support/gate.js';
import { nestRig } from '../support/nest-rig.js';
import { Stopwatch } from '../support/stopwatch.js';

// Redis is stopped for longer than any deadline, several times.
jest.setTimeout(120_000);

const rig = nestRig({ settings: { appendonly: 'yes', appendfsync: 'always' } });

const LEASE_MS = 1_000;
const DOWN_AFTER_MS = 1_000;

let gate = new Gate();

@Controller()
class WorkController {
  @MessagePattern('work', { concurrency: 1 })
  work(): Promise<void> {
    return gate.opened;
  }

  @MessagePattern('refuse')
  refuse(): never {
    throw new DeadLetter('no');
  }
}

@Controller('health')
class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(RedisQueueHealthIndicator) private readonly queues: RedisQueueHealthIndicator,
  ) {}

  @Get('live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.health.check([]);
  }

  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.queues.isHealthy('queues')]);
  }
}

interface Probe {
  readonly http: number;
  readonly status: string;
  readonly reasons: readonly string[];
}

class Service {
  private constructor(private readonly app: INestApplication) {}

  static async start(
    options: Partial<RedisQueueHealthOptions> = {},
    user: { readonly connection?: string } = {},
  ): Promise<Service> {
    const server = rig.strategy({ ...user, leaseMs: LEASE_MS });
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    const app = await rig.application({
      imports: [TerminusModule.forRoot({ logger: false })],
      controllers: [WorkController, HealthController],
      providers: [
        {
          provide: RedisQueueHealthIndicator,
          inject: [HealthIndicatorService],
          useFactory: (terminus: HealthIndicatorService) =>
            new RedisQueueHealthIndicator(terminus, {
              of: [server],
              admin,
              downAfterMs: DOWN_AFTER_MS,
              lookEveryMs: 0,
              ...options,
            }),
        },
      ],
    });
    app.connectMicroservice<CustomStrategy>({ strategy: server });
    await app.listen(0, '127.0.0.1');
    const service = new Service(app);
    expect(await service.ready()).toMatchObject({
      http: 503,
      status: 'down',
      reasons: ['The server is not listening.'],
    });
    await app.startAllMicroservices();
    return service;
  }

  async ready(): Promise<Probe> {
    const response = await fetch(`${await this.app.getUrl()}/health/ready`);
    const { details } = (await response.json()) as HealthCheckResult;
    const { status, reasons = [] } = details['queues'] as {
      status: string;
      reasons?: string[];
    };
    return { http: response.status, status, reasons };
  }

  async expectLive(): Promise<void> {
    const response = await fetch(`${await this.app.getUrl()}/health/live`);
    expect([response.status, await response.json()]).toEqual([
      200,
      expect.objectContaining({ status: 'ok' }),
    ]);
  }

  async expectUp(): Promise<void> {
    await eventually(
      async () => expect(await this.ready()).toEqual({ http: 200, status: 'up', reasons: [] }),
      20_000,
    );
  }

  async expectDegraded(reason: RegExp): Promise<void> {
    await this.#expect({ http: 200, status: 'degraded' }, reason);
  }

  async expectDown(reason: RegExp): Promise<void> {
    await this.#expect({ http: 503, status: 'down' }, reason);
  }

  async #expect(probe: Partial<Probe>, reason: RegExp): Promise<void> {
    await eventually(async () => {
      const { reasons, ...rest } = await this.ready();
      expect(rest).toEqual(probe);
      expect(reasons).toContainEqual(expect.stringMatching(reason));
    }, 20_000);
  }
}

describe('the health of a service', () => {
  test('is up while Redis answers', async () => {
    const service = await Service.start();
    await service.expectUp();
    await service.expectLive();
  });

  test('is down if Redis has been stopped for some time (SIGSTOP), and still answers in time', async () => {
    const service = await Service.start();
    await service.expectUp();
    rig.closeLater({ close: () => rig.redis.resume() });
    rig.redis.pause();

    await service.expectDown(/No connection to Redis at .*/);
    const watch = Stopwatch.start();
    await service.ready();
    watch.expectAtMost(1_000);
    await service.expectLive();

    rig.redis.resume();
    await service.expectUp();
  });

  test('is degraded when Redis is killed, down if it stays away, and up once it is back', async () => {
    const service = await Service.start({ downAfterMs: 3_000 });
    await service.expectUp();
    await rig.redis.kill();
    await service.expectDegraded(/No connection to Redis at .*/);
    await service.expectDown(/No connection to Redis at .*/);
    await service.expectLive();

    await rig.redis.restart();
    await service.expectUp();
  });

  test('is down while Redis is full, and up once it has room', async () => {
    const service = await Service.start();
    await service.expectUp();
    await rig.commands.config('SET', 'maxmemory', '1');
    await service.expectDown(/Redis is full, at 1 bytes, and refuses new messages\./);
    // The waiting consumers are refused too.
    await service.expectDown(/Redis has refused calls of the consumer of "work" for .* OOM/);
    await service.expectLive();

    await rig.commands.config('SET', 'maxmemory', '0');
    await service.expectUp();
  });

  test.each(['-blmove', '-xadd', '-zadd'])(
    'is down when a permission is taken away (%s), and up when it is given back',
    async (rule) => {
      const user = async (...rules: string[]): Promise<unknown> =>
        rig.commands.call('ACL', 'SETUSER', 'service', ...rules);
      await user('reset', 'on', '>pw', '~*', '&*', '+@all');
      rig.closeLater({ close: () => rig.commands.call('ACL', 'DELUSER', 'service') });
      const connection = `redis://service:pw@127.0.0.1:${rig.redis.port}`;
      const service = await Service.start({}, { connection });
      await service.expectUp();

      await user(rule);
      await rig.client().enqueue('refuse', 1);
      await service.expectDown(/Redis has refused calls of the consumer of "\w+" .* NOPERM/);
      await service.expectLive();

      await user('+@all');
      await eventually(async () => expect((await service.ready()).status).not.toBe('down'), 20_000);
    },
  );

  test('is down while Redis is a replica, and up once it no longer is', async () => {
    const service = await Service.start();
    await service.expectUp();
    await rig.commands.replicaof('127.0.0.1', 1);
    rig.closeLater({ close: () => rig.commands.replicaof('NO', 'ONE') });
    await service.expectDown(/READONLY/);
    await rig.commands.replicaof('NO', 'ONE');
    await service.expectUp();
  });

  test('is down if a key of a queue has another type', async () => {
    const service = await Service.start();
    await service.expectUp();
    await rig.commands.set(`${rig.prefix}:{work}:waiting`, 'not a list');
    await service.expectDown(/Redis has refused calls of the consumer of "work" .* WRONGTYPE/);
    await rig.commands.del(`${rig.prefix}:{work}:waiting`);
    await service.expectUp();
  });

  test('is degraded if a queue that it looks at has a key of another type, and reports on the others', async () => {
    const service = await Service.start({
      queues: { elsewhere: {}, behind: { waiting: 0 } },
      deadLettersForMs: 0,
    });
    await rig.client().enqueue('behind', 1);
    const key = `${rig.prefix}:{elsewhere}:dead`;
    await rig.commands.set(key, 'not a stream');
    await eventually(async () => {
      const { status, reasons } = await service.ready();
      expect(status).toBe('degraded');
      expect(reasons).toEqual([
        expect.stringMatching(/A queue cannot be looked at: Queue "elsewhere": .*WRONGTYPE/),
        expect.stringContaining('1 messages wait in "behind"'),
      ]);
    });
    await rig.commands.del(key);
    await eventually(async () =>
      expect((await service.ready()).reasons).toEqual([expect.stringContaining('"behind"')]),
    );
  });

  test('is down if a lease is lost and not regained', async () => {
    const service = await Service.start();
    await service.expectUp();
    await rig.commands.set(`${rig.prefix}:queues`, 'not a hash');
    await rig.commands.del(`${rig.prefix}:{work}:consumers`);
    await service.expectDown(
      /The consumer of "work" lost its lease .* ago, and does not have another yet\./,
    );
    await rig.commands.del(`${rig.prefix}:queues`);
    await service.expectUp();
  });

  test('is degraded while a queue is longer, or its next message older, than allowed', async () => {
    gate = new Gate();
    const queues = { work: { waiting: 2, oldestAgeMs: 500 } };
    const service = await Service.start({ queues });
    const client = rig.client();
    await client.enqueueMany('work', [1, 2, 3]);
    await service.expectDegraded(
      /The oldest message of "work" has waited for .*, longer than 0\.5 s\./,
    );
    await client.enqueueMany('work', [4, 5]);
    await service.expectDegraded(/\d messages wait in "work", more than 2\./);
    gate.open();
    await service.expectUp();
  });

  test('is degraded for some time after new dead letters, but not for old ones', async () => {
    const client = rig.client();
    const service = await Service.start({ queues: { refuse: {} }, deadLettersForMs: 1_000 });
    await service.expectUp();
    await client.enqueue('refuse', 1);
    await service.expectDegraded(/"refuse" got a new dead letter in the last 1\.0 s; it has 1\./);
    await service.expectUp();
  });

  test('counts dead letters that were dropped, since their number no longer grows at the limit', async () => {
    const service = await Service.start({ queues: { refuse: {} } });
    await service.expectUp();
    await rig.commands.hset(`${rig.prefix}:{refuse}:counts`, 'deadLettersDropped', 1);
    await service.expectDegraded(/"refuse" got a new dead letter/);
  });

  test('is degraded while Redis may evict keys, or writes no append-only file, unless that is accepted', async () => {
    const service = await Service.start();
    const careless = await Service.start({ accept: ['eviction', 'persistence'] });
    await service.expectUp();
    await rig.commands.config('SET', 'maxmemory', '1gb');
    await rig.commands.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await rig.commands.config('SET', 'appendonly', 'no');
    await service.expectDegraded(/Redis may evict messages .* \(maxmemory-policy allkeys-lru\)/);
    await service.expectDegraded(/Redis writes no append-only file/);
    await careless.expectUp();
    await rig.commands.config('SET', 'appendonly', 'yes');
    await rig.commands.config('SET', 'maxmemory-policy', 'noeviction');
    await rig.commands.config('SET', 'maxmemory', '0');
    await service.expectUp();
  });

  test('asks Redis as often as configured, no matter how often it is asked', async () => {
    const service = await Service.start({ lookEveryMs: 60_000, queues: { work: {} } });
    await service.expectUp();
    await rig.commands.config('RESETSTAT');
    for (let times = 0; times < 10; times += 1) await service.ready();
    const calls = /cmdstat_info:calls=(\d+)/.exec(await rig.commands.info('commandstats'))?.[1];
    // The test's own call is counted once it has ended.
    expect(calls).toBeUndefined();
  });
});

const WELL = { health: () => ({ status: 'up' }) };

describe('an indicator', () => {
  const terminus = new HealthIndicatorService();

  test('is up with degraded parts in Terminus 11, which knows only up and down', async () => {
    // What Terminus 11.1 has. The package cannot be installed beside Nest 12.
    const check = (key: string) => ({
      up: (data: object = {}) => ({ [key]: { status: 'up', ...data } }),
      down: (data: object = {}) => ({ [key]: { status: 'down', ...data } }),
    });
    const slowed = { queue: 'q', sinceMs: 12_000, lastError: 'secret' };
    const health = () => ({
      status: 'up' as const,
      reason: undefined,
      sinceRoundTripMs: 1,
      downForMs: undefined,
      slowedQueues: [slowed],
    });
    const of11 = { check } as unknown as HealthIndicatorService; // from the other version
    const indicator = new RedisQueueHealthIndicator(of11, { of: [{ health }] });
    expect(await indicator.isHealthy('queues')).toEqual({
      queues: {
        status: 'up',
        isDegraded: true,
        reasons: ['Nearly every attempt in "q" has failed for 12 s.'],
      },
    });
  });

  test.each([
    [{ of: [] }, 'of must be a list of servers and clients, got []'],
    [{ of: [{}] }, 'of[0] must be an object with a method health(), got {}'],
    [
      { of: [WELL], downAfter: 1 },
      'RedisQueueHealthIndicator has no option downAfter; did you mean downAfterMs?',
    ],
    [
      { of: [WELL], downAfterMs: -1 },
      'downAfterMs must be a whole number of milliseconds ≥ 0, got -1',
    ],
    [{ of: [WELL], queues: { work: { waiting: '9' } } }, 'queues["work"].waiting must be'],
    [{ of: [WELL], queues: { work: {} } }, 'admin must be given if there are queues to look at'],
    [{ of: [WELL], accept: ['loss'] }, "accept must be a list of 'eviction', 'persistence'"],
  ])('refuses %j', (options, text) => {
    const make = (): unknown =>
      new RedisQueueHealthIndicator(terminus, options as unknown as RedisQueueHealthOptions);
    expect(make).toThrow(InvalidOptionError);
    expect(make).toThrow(text);
  });
});
