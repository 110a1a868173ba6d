import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Test } from '@nestjs/testing';
import type { TestingModule } from '@nestjs/testing';
import type { AdminBroker } from './core/admin/admin-broker.js';
import type { Broker } from './core/broker/broker.js';
import { InvalidOptionError } from './core/errors/start-errors.js';
import { BROKER_SOURCE } from './core/source/broker-source.js';
import type { BrokerSource, OpenBroker, PlaceSettings } from './core/source/broker-source.js';
import { REPLACEMENT } from './core/source/replacement.js';
import type { Replacement } from './core/source/replacement.js';
import {
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueModule,
  RedisQueueServer,
  redisQueueAdminToken,
  redisQueueServerToken,
} from './index.js';
import type { ObservedMessage } from './index.js';
import { openInspection, openTail } from './open-broker.js';

/** A broker that writes down what it is asked for. */
class NotingSource implements BrokerSource {
  readonly [BROKER_SOURCE] = true;
  readonly asked: string[] = [];

  open({ prefix }: PlaceSettings): OpenBroker {
    const note = (what: string): Promise<void> => {
      this.asked.push(`${prefix} ${what}`);
      return Promise.resolve();
    };
    const verbs: Partial<Broker> = {
      connect: () => note('connect'),
      push: (queue) => note(`push ${queue}`).then(() => 'added'),
      close: () => note('close'),
      nowMs: () => 0,
    };
    const health = { status: 'up', sinceRoundTripMs: 0, reason: undefined, downForMs: undefined };
    const rest = { native: undefined, place: 'notes', health: () => ({ ...health, status: 'up' }) };
    // What these tests do asks for no other verb.
    return { broker: verbs as Broker, ...rest } as OpenBroker;
  }

  openAdmin({ prefix }: PlaceSettings): AdminBroker {
    const verbs: Partial<AdminBroker> = {
      queues: () => Promise.resolve([`${prefix} queue`]),
      close: () => Promise.resolve(),
    };
    return verbs as AdminBroker; // likewise
  }
}

let source: NotingSource;

beforeEach(() => {
  source = new NotingSource();
});

describe('a store as the connection', () => {
  test('is what a client sends to', async () => {
    const client = new RedisQueueClient({ connection: source, prefix: 'p' });
    await client.enqueue('order.place', { id: 1 });
    await client.close();
    expect(source.asked).toEqual(['p connect', 'p push order.place', 'p close']);
  });

  test('is what a server listens to', async () => {
    const server = new RedisQueueServer({ connection: source, prefix: 'p' });
    // It has no handlers, and goes as far as asking for the broker.
    await new Promise<void>((resolve) => server.listen(() => resolve()));
    await server.close();
    expect(source.asked).toEqual(['p connect', 'p close']);
  });

  test('is what an admin looks at', async () => {
    const admin = new RedisQueueAdmin({ connection: source, prefix: 'p' });
    expect(await admin.queues()).toEqual(['p queue']);
    await admin.close();
  });

  test.each([
    ['tail', () => openTail({ connection: source, prefix: 'p' }, '#', {} as never)],
    ['doctor', () => openInspection({ connection: source, prefix: 'p' })],
  ])('is refused by the %s, which needs a Redis', (_tool, open) => {
    expect(open).toThrow(InvalidOptionError);
    expect(open).toThrow('connection must be a Redis, got a store that stands in for one');
  });
});

describe('a replacement in an app under test', () => {
  const sent: string[] = [];
  const observer = { sent: ({ queue }: ObservedMessage) => void sent.push(queue) };
  const elsewhere = { connection: 'redis://unreachable.invalid', prefix: 'of-the-app' };
  let app: TestingModule | undefined;

  afterEach(async () => {
    await app?.close();
    sent.length = 0;
  });

  async function compile(replacement?: Replacement): Promise<TestingModule> {
    const builder = Test.createTestingModule({
      imports: [
        RedisQueueModule.register({ ...elsewhere, server: { ...elsewhere, group: 'a' } }),
        RedisQueueModule.register({ ...elsewhere, name: 'second' }),
        RedisQueueModule.registerAsync({
          name: 'third',
          useFactory: () => ({ ...elsewhere, server: { observers: [{ began: () => undefined }] } }),
        }),
      ],
    });
    if (replacement !== undefined) builder.overrideProvider(REPLACEMENT).useValue(replacement);
    app = await builder.compile();
    return app;
  }

  test.each([undefined, 'second', 'third'])(
    'holds for the client and the admin of the name %s',
    async (name) => {
      const { get } = await compile({
        connection: source,
        prefix: 'p',
        observers: [observer],
      }).then((made) => ({ get: <T>(token: unknown): T => made.get(token as string) }));
      const client = get<RedisQueueClient>(name ?? RedisQueueClient);
      await client.enqueue('order.place', 1);
      expect(source.asked).toContain('p push order.place');
      expect(sent).toEqual(['order.place']);
      const admin = get<RedisQueueAdmin>(redisQueueAdminToken(name));
      expect(await admin.queues()).toEqual(['p queue']);
    },
  );

  test.each([undefined, 'third'])('holds for the server of the name %s', async (name) => {
    const made = await compile({ connection: source, prefix: 'p', observers: [observer] });
    const server: RedisQueueServer = made.get(redisQueueServerToken(name));
    await new Promise<void>((resolve) => server.listen(() => resolve()));
    expect(source.asked).toEqual(['p connect']);
    await server.close();
  });

  test('is not there otherwise: the options of the app hold', async () => {
    const made = await compile();
    // Private, and seen here alone.
    const { options } = made.get<unknown, { readonly options: object }>(RedisQueueClient);
    expect(options).toMatchObject({ prefix: 'of-the-app', connection: expect.any(Function) });
  });
});
