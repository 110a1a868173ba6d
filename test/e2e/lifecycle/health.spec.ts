import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { INestMicroservice } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { findFreePort } from 'local-redis';
import { RedisUnavailableError } from 'nestjs-redis-queue-transport';
import type {
  RedisQueueHealth,
  RedisQueueServer,
  RedisQueueServerOptions,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';

const rig = nestRig();

const begun: string[] = [];
let gate = new Gate();

@Controller()
class WorkController {
  @MessagePattern('echo')
  echo(data: unknown): unknown {
    return data;
  }

  @MessagePattern('hold', { concurrency: 1 })
  async hold(name: string): Promise<void> {
    begun.push(name);
    await gate.opened;
  }

  @EventPattern<string>('happened')
  onHappened(): void {
    // Only there to be subscribed to.
  }
}

const parts = { controllers: [WorkController] };
/** The shortest lease: idle consumers then make a round trip every third of a second. */
const LEASE_MS = 1_000;
/** The longest deadline of the connections of a server with this lease: that of a command. */
const DEADLINE_MS = 5_000;

interface HasHealth {
  health(): RedisQueueHealth;
}

async function untilUp(who: HasHealth): Promise<void> {
  await eventually(() => expect(who.health()).toMatchObject({ status: 'up', reason: undefined }));
}

async function untilDown(who: HasHealth, reason: RegExp, deadlineMs?: number): Promise<void> {
  await eventually(
    () =>
      expect(who.health()).toMatchObject({
        status: 'down',
        reason: expect.stringMatching(reason) as unknown,
      }),
    deadlineMs,
  );
}

/** Asks all the time, so that it notices even a single report that it is down. */
async function staysUpFor(ms: number, who: HasHealth): Promise<void> {
  const end = performance.now() + ms;
  const seen = new Set<string>();
  await eventually(() => {
    const { status, reason } = who.health();
    seen.add(reason ?? status);
    expect(performance.now()).toBeGreaterThan(end);
  });
  expect([...seen]).toEqual(['up']);
}

async function serve(
  options: RedisQueueServerOptions = {},
): Promise<{ app: INestMicroservice; server: RedisQueueServer }> {
  const server = rig.strategy(options);
  const app = await rig.microservice(parts, server);
  await app.listen();
  return { app, server };
}

async function proxy(): Promise<Proxy> {
  return rig.closeLater(await Proxy.start(rig.redis.port));
}

describe('the health of a server', () => {
  test('is down until it listens, and after it was closed', async () => {
    const server = rig.strategy();
    const app = await rig.microservice(parts, server);
    const notListening = { status: 'down', reason: 'The server is not listening.' };
    expect(server.health()).toEqual(notListening);

    await app.listen();
    expect(server.health()).toMatchObject({
      status: 'up',
      sinceRoundTripMs: expect.any(Number) as unknown,
    });

    await app.close();
    expect(server.health()).toEqual(notListening);
  });

  test('is up while it has nothing to do, and still makes round trips', async () => {
    const { server } = await serve({ leaseMs: LEASE_MS });
    let before = 0;
    let roundTrips = 0;
    await staysUpFor(LEASE_MS * 3, {
      health: () => {
        const health = server.health();
        const { sinceRoundTripMs = 0 } = health;
        if (sinceRoundTripMs < before) roundTrips += 1;
        before = sinceRoundTripMs;
        return health;
      },
    });
    expect(roundTrips).toBeGreaterThan(3);
  });

  test('is up while every place is taken, so that it asks for nothing', async () => {
    gate = new Gate();
    begun.length = 0;
    const { server } = await serve();
    await lastValueFrom(rig.client().enqueue('hold', 'a'));
    await eventually(() => expect(begun).toEqual(['a']));
    await staysUpFor(LEASE_MS, server);
    gate.open();
  });

  test.each(['rq-commands', 'rq-wait', 'rq-events'])(
    'is down while %s is away, and up once it is back',
    async (role) => {
      const between = await proxy();
      const { server } = await serve({ connection: between.url });
      await eventually(() =>
        expect(between.connections.filter((name) => name.startsWith(role))).not.toEqual([]),
      );

      between.refuse(true);
      between.cut((name) => name.startsWith(role));
      await untilDown(server, new RegExp(`^No connection to Redis at .*${role}-\\S+ is \\w+`));

      between.refuse(false);
      await untilUp(server);
    },
  );

  test('is down the moment its connection is lost', async () => {
    const { app, server } = await serve();
    const seen: string[] = [];
    app.on('reconnecting', () => seen.push(server.health().status));

    await rig.commands.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');

    await eventually(() => expect(seen).toEqual(['down']));
    await untilUp(server);
  });

  test('is down once an answer is overdue on a half-open connection', async () => {
    const between = await proxy();
    const { server } = await serve({ connection: between.url, leaseMs: LEASE_MS });
    await staysUpFor(LEASE_MS / 2, server);

    between.refuse(true); // otherwise the next connection would be there soon
    expect(between.goSilent()).toBeGreaterThan(0);
    await untilDown(server, /No connection to Redis/, DEADLINE_MS * 2);
    expect(server.health().sinceRoundTripMs).toBeGreaterThan(LEASE_MS / 3);

    between.refuse(false);
    await untilUp(server);
  });

  test('is up again after its consumers had to join again', async () => {
    const { server } = await serve({ leaseMs: LEASE_MS });
    const consumers = async (): Promise<string[]> =>
      rig.commands.zrange(`${rig.prefix}:{echo}:consumers`, '0', '-1');
    const [before] = await consumers();
    await rig.commands.flushall();

    await eventually(async () => expect(await consumers()).toHaveLength(1));

    expect(await consumers()).not.toEqual([before]);
    await untilUp(server);
    await staysUpFor(LEASE_MS, server);
  });
});

describe('the health of a server reports', () => {
  test('for which queues Redis refuses calls, and since when, although the status is up', async () => {
    const { server } = await serve();
    await rig.commands.config('SET', 'maxmemory', '1');
    try {
      await eventually(() =>
        expect(server.health()).toMatchObject({
          status: 'up',
          refusedQueues: [
            { queue: 'echo', reply: 'OOM', lastError: expect.stringMatching(/OOM/) as unknown },
            { queue: 'hold', reply: 'OOM', sinceMs: expect.any(Number) as unknown },
          ],
        }),
      );
    } finally {
      await rig.commands.config('SET', 'maxmemory', '0');
    }
    await eventually(() => expect(server.health().refusedQueues).toBeUndefined());
  });

  test('which queues have lost their lease, until they have another one', async () => {
    const { server } = await serve({ leaseMs: LEASE_MS });
    // A consumer that takes a lease notes here that the queue is served, which now fails.
    await rig.commands.set(`${rig.prefix}:queues`, 'not a hash');
    await rig.commands.del(`${rig.prefix}:{echo}:consumers`);
    await eventually(() => {
      const { lostLeases = [], refusedQueues = [] } = server.health();
      expect(lostLeases).toEqual([{ queue: 'echo', sinceMs: expect.any(Number) as unknown }]);
      expect(lostLeases[0]?.sinceMs).toBeGreaterThan(500);
      expect(refusedQueues).toMatchObject([{ queue: 'echo', reply: 'WRONGTYPE' }]);
    });
    await rig.commands.del(`${rig.prefix}:queues`);
    await eventually(() => expect(server.health().lostLeases).toBeUndefined());
    await untilUp(server);
  });
});

describe('the health of a client', () => {
  test('is up before the first call, since no connection can be down yet, and after it was closed', async () => {
    const client = rig.client();
    expect(client.health()).toEqual({ status: 'up' });

    await client.connect();
    expect(client.health()).toMatchObject({
      status: 'up',
      sinceRoundTripMs: expect.any(Number) as unknown,
    });

    await client.close();
    expect(client.health()).toEqual({ status: 'up' });
  });

  test('is up while it does nothing', async () => {
    const client = rig.client();
    await client.connect();
    await staysUpFor(600, client);
    const { sinceRoundTripMs: before } = client.health();
    expect(before).toBeGreaterThan(500);

    await lastValueFrom(client.enqueue('echo', 1));
    expect(client.health().sinceRoundTripMs).toBeLessThan(before ?? 0);
  });

  test('is down if it could not connect', async () => {
    const connection = `redis://127.0.0.1:${await findFreePort()}`;
    const client = rig.client({ connection, connectTimeoutMs: 0 });
    await expect(client.connect()).rejects.toThrow(RedisUnavailableError);

    expect(client.health()).toEqual({
      status: 'down',
      reason: expect.stringMatching(/rq-commands-.* is reconnecting; .*ECONNREFUSED/) as unknown,
      downForMs: expect.any(Number) as unknown,
    });
  });

  test('is down while Redis is away, even if nothing is asked of it', async () => {
    const between = await proxy();
    const client = rig.client({ connection: between.url });
    await client.connect();

    between.refuse(true);
    between.cut();
    await untilDown(client, /rq-commands/);
    const { downForMs = -1 } = client.health();
    expect(downForMs).toBeGreaterThanOrEqual(0);
    // Failed attempts to connect do not restart the count.
    await eventually(() => expect(client.health().downForMs).toBeGreaterThan(downForMs + 1_000));

    between.refuse(false);
    await untilUp(client);
    expect(client.health().downForMs).toBeUndefined();
  });

  test('is down while the connection for its replies is down', async () => {
    const between = await proxy();
    await serve();
    const client = rig.client({ connection: between.url });
    await lastValueFrom(client.send('echo', 1));

    between.refuse(true);
    between.cut((name) => name.startsWith('rq-replies'));
    await untilDown(client, /rq-replies/);

    between.refuse(false);
    await untilUp(client);
  });
});
