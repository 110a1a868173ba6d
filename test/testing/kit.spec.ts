import { describe, expect, test } from '@jest/globals';
import { Controller, Get, Inject, Injectable, Module } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueEvent,
  RedisQueueMessage,
  RedisQueueModule,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';
import {
  NotSettledError,
  RedisQueueTestKit,
  TestKitError,
} from 'nestjs-redis-queue-transport/testing';
import type { RedisQueueTestAppOptions } from 'nestjs-redis-queue-transport/testing';
import { lastValueFrom, map } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';

interface Order {
  readonly id: number;
}

@Injectable()
class Ledger {
  readonly booked: number[] = [];

  book(order: Order): void {
    this.booked.push(order.id);
  }
}

@Controller()
class OrdersController {
  constructor(
    @Inject(RedisQueueClient) private readonly client: RedisQueueClient,
    @Inject(Ledger) private readonly ledger: Ledger,
  ) {}

  @MessagePattern('order.place')
  async place(@Payload() order: Order): Promise<{ placed: number }> {
    const left = await lastValueFrom(this.client.send<number>('stock.count', order));
    if (left === 0) throw new Error('sold out');
    this.ledger.book(order);
    await this.client.emit('order.placed', order);
    return { placed: order.id };
  }

  @RedisQueueMessage('order.book', { batch: { size: 10 } })
  book(@Payload() orders: readonly Order[]): void {
    for (const order of orders) this.ledger.book(order);
  }

  @MessagePattern('order.attempts')
  attempts(@Ctx() context: RedisQueueContext): number {
    return context.getAttempt();
  }
}

@Controller()
class MailController {
  static mails = 0;

  @RedisQueueEvent('order.placed', { group: 'mail' })
  mail(): string {
    return 'mailed';
  }

  @EventPattern<string>('order.placed')
  live(): string {
    return 'heard';
  }
}

@Controller('orders')
class HttpController {
  @Get()
  list(): string[] {
    return [];
  }
}

/** As an app has it: it names a Redis that is not there. */
const elsewhere = { connection: 'redis://unreachable.invalid', prefix: 'of-the-app' };

@Module({
  imports: [RedisQueueModule.register({ ...elsewhere, server: {} })],
  controllers: [OrdersController],
  providers: [Ledger],
})
class OrdersModule {}

const rig = nestRig();
let kit: RedisQueueTestKit;

describe.each(['Redis', 'memory'])('a kit on %s', (where) => {
  async function start(app: RedisQueueTestAppOptions = { imports: [OrdersModule] }): Promise<void> {
    const connection = where === 'Redis' ? rig.redis.url : undefined;
    // Whatever it leaves open, or in Redis, fails the test.
    kit = rig.closeLater(await RedisQueueTestKit.start({ connection, ...app }));
  }

  test('runs an app in a place of its own, and tells what was handled', async () => {
    await start();
    await kit.fake({ 'stock.count': () => 3 });
    expect(await kit.send('order.place', { id: 1 })).toEqual({ placed: 1 });
    await kit.settled();
    expect(kit.handled('order.place').only).toMatchObject({
      app: 'app',
      data: { id: 1 },
      result: { placed: 1 },
      attempt: 1,
    });
    expect(kit.sent('stock.count').data).toEqual([{ id: 1 }]);
    expect(kit.emitted<Order>('order.placed').only.data.id).toBe(1);
    expect(kit.get(Ledger).booked).toEqual([1]);
  });

  test('knows an object pattern by the name that its queue has, whatever its keys', async () => {
    await start();
    const pattern = { b: 'a "quote"', B: 1, 10: 'ten', 9: true };
    const side = await kit.otherSideOf(pattern);
    const reply = kit.send(pattern, 'data');
    (await side.next()).reply('answered');

    expect(await reply).toBe('answered');
    expect(kit.sent(pattern).data).toEqual(['data']);
  });

  test('runs several apps, which speak to each other', async () => {
    await start();
    await kit.fake({ 'stock.count': () => 3 });
    await kit.add({ name: 'mail', controllers: [MailController] });
    await kit.enqueue('order.place', { id: 2 });
    await kit.settled();
    const handled = kit.handled('order.placed').all;
    expect(handled.map(({ app, queue, result }) => ({ app, queue, result }))).toEqual(
      expect.arrayContaining([
        { app: 'mail', queue: '@mail/order.placed', result: 'mailed' },
        { app: 'mail', queue: 'order.placed', result: 'heard' },
      ]),
    );
  });

  test('makes retries due, and tells of them and of dead letters', async () => {
    const retry = { attempts: 3, delayMs: 600_000 };
    await start({
      imports: [RedisQueueModule.register({ server: { retry } })],
      controllers: [OrdersController],
      providers: [Ledger],
    });
    await kit.fake({ 'stock.count': () => 0 });
    await kit.enqueue('order.place', { id: 3 });
    await eventually(async () => expect(await kit.admin.delayed('order.place')).toHaveLength(1));
    await expect(kit.settled({ withinMs: 0 })).rejects.toThrow('kit.advance() makes it due now');
    expect(kit.retried('order.place').only).toMatchObject({
      attempt: 1,
      error: expect.objectContaining({ message: 'sold out' }),
    });
    expect(await kit.advance('order.place')).toBe(1);
    await kit.settled({ advance: true });
    expect(kit.failed('order.place')).toHaveLength(3);
    expect(kit.deadLettered<Order>('order.place').only).toMatchObject({
      data: { id: 3 },
      attempt: 3,
      reason: 'handlerFailed',
    });
  });

  test('says what is not settled, and why', async () => {
    await start();
    const release = kit.hangNext('order.attempts');
    await kit.enqueue('order.attempts', {}, { id: 'hung' });
    await kit.enqueue('order.attempts', {}, { id: 'late', delayMs: 60_000 });
    await eventually(() => expect(kit.story).toContain('hung  attempt 1 begins'));
    const failure: unknown = await kit.settled({ withinMs: 0 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NotSettledError);
    expect((failure as NotSettledError).open).toMatchObject([
      { state: 'running', id: 'hung', why: 'in app, made to hang by hangNext' },
      { state: 'delayed', id: 'late', why: expect.stringContaining('kit.advance()') },
    ]);
    release();
    await kit.settled({ advance: true });
    expect(kit.handled('order.attempts')).toHaveLength(2);
  });

  test('lets the next handling fail, which is then retried', async () => {
    await start();
    kit.failNext('order.attempts', new Error('the database is away'));
    await kit.enqueue('order.attempts', {});
    await kit.settled({ advance: true });
    expect(kit.failed('order.attempts').only.error).toMatchObject({
      message: 'the database is away',
    });
    expect(kit.handled('order.attempts').only).toMatchObject({ result: 2, attempt: 2 });
  });

  test.each(['before', 'after'] as const)(
    'lets the process crash %s the handler, and another take over',
    async (when) => {
      await start();
      await kit.fake({ 'stock.count': () => 3 });
      kit.crashNext('order.place', { when });
      await kit.enqueue('order.place', { id: 4 });
      await kit.settled();
      expect(kit.get(Ledger).booked).toEqual(when === 'after' ? [4, 4] : [4]);
      expect(kit.handled('order.place').only.attempt).toBe(2);
      expect(await kit.admin.lengths('order.place')).toMatchObject({ processing: 0, suspects: 0 });
    },
  );

  test('settles a message that crashes its process until it is dead-lettered', async () => {
    await start();
    for (let crashes = 0; crashes < 3; crashes += 1) kit.crashNext('order.attempts');
    await kit.enqueue('order.attempts', {});
    await kit.settled();
    expect(kit.deadLettered('order.attempts').only).toMatchObject({ reason: 'crashed' });
    // Its consumer would have retried it, had it lived.
    expect(kit.retried('order.attempts')).toHaveLength(0);
  });

  test('tells of no result of a handler whose process has died', async () => {
    await start({});
    const app = await kit.add({ imports: [OrdersModule] });
    const release = kit.hangNext('order.attempts');
    await kit.enqueue('order.attempts', {}, { id: 'a' });
    await eventually(() => expect(kit.story).toContain('a  attempt 1 begins'));
    app.crash();
    release();
    await kit.settled();
    expect(kit.handled('order.attempts').only).toMatchObject({ attempt: 2 });
  });

  test('ends the leases of one app, and leaves the others alone', async () => {
    await start({});
    const app = await kit.add({ name: 'orders', imports: [OrdersModule] });
    await kit.add({ name: 'mail', controllers: [MailController] });
    const releases = [kit.hangNext('order.attempts'), kit.hangNext('order.placed')];
    await kit.enqueue('order.attempts', {}, { id: 'a' });
    await eventually(() => expect(kit.story).toContain('a  attempt 1 begins'));
    await kit.emit('order.placed', { id: 1 });
    app.crash();
    for (const release of releases) release();
    await kit.settled();
    expect(kit.handled('order.attempts').only).toMatchObject({ attempt: 2, app: 'orders' });
    const mailed = kit.handled('order.placed').all.filter(({ queue }) => queue.startsWith('@'));
    expect(mailed).toMatchObject([{ attempt: 1, app: 'mail' }]);
  });

  test('runs an app that speaks HTTP too, without a port', async () => {
    await start({ imports: [OrdersModule], controllers: [HttpController], http: true });
    const server: unknown = kit.httpApp.getHttpServer();
    expect(server).toMatchObject({ listening: false });
    await kit.enqueue('order.attempts', {});
    await kit.settled();
    expect(kit.handled('order.attempts').only.result).toBe(1);
  });

  test('says that an app has no HTTP if it was started without', async () => {
    await start();
    expect(() => kit.httpApp).toThrow('The app "app" was started without the option http: true.');
  });

  test('does with an app what its program does before it starts', async () => {
    await start({
      imports: [OrdersModule],
      configure: (app) =>
        void app.useGlobalInterceptors({
          intercept: (_context, next) => next.handle().pipe(map((result: unknown) => ({ result }))),
        }),
    });
    expect(await kit.send('order.attempts', {})).toEqual({ result: 1 });
  });

  test('lets a server and a client that an app makes itself join', async () => {
    await start({});
    const server = new RedisQueueServer(kit.place('own'));
    const app = await rig.microservice({ controllers: [MailController] }, server);
    await app.listen();
    const client = rig.closeLater(new RedisQueueClient(kit.place('own client')));
    await client.emit('order.placed', { id: 3 });
    await kit.settled();
    expect(kit.emitted('order.placed').only.app).toBe('own client');
    expect(kit.handled('order.placed').all.map(({ app }) => app)).toContain('own');
    await app.close();
  });

  test('tells each message of a batch, even of one', async () => {
    await start();
    await kit.enqueue('order.book', { id: 7 });
    await kit.settled();
    await kit.client.enqueueMany('order.book', [{ id: 8 }, { id: 9 }]);
    await kit.settled();
    expect(kit.handled('order.book').data).toEqual([{ id: 7 }, { id: 8 }, { id: 9 }]);
  });

  test('lets the caller of a request wait when the process crashes', async () => {
    await start();
    kit.crashNext('order.attempts');
    expect(await kit.send('order.attempts', {})).toBe(2);
  });

  test('lets the test answer a request', async () => {
    await start();
    const stock = await kit.otherSideOf<Order, number>('stock.count');
    const placing = kit.send('order.place', { id: 5 });
    const request = await stock.next();
    expect(request.data).toEqual({ id: 5 });
    request.reply(1);
    expect(await placing).toEqual({ placed: 5 });
    await expect(stock.next({ withinMs: 50 })).rejects.toThrow(
      'No request of "stock.count" came within 50 ms.\nWhat happened:',
    );
  });

  test('tells all that happened where something else was expected', async () => {
    await start();
    await kit.enqueue('order.attempts', {}, { id: 'a' });
    await kit.settled();
    expect(() => kit.handled('order.placed').only).toThrow(TestKitError);
    expect(() => kit.handled('order.placed').only).toThrow(
      /Expected one of the handled messages of "order.placed", and there are 0.\nWhat happened:\n.*order.attempts a {2}enqueued by test/,
    );
  });

  test('ends while requests are unanswered and handlers hang', async () => {
    await start();
    await kit.otherSideOf('stock.count');
    const nobody = await kit.otherSideOf('stock.order');
    const never = nobody.next({ withinMs: 600_000 });
    kit.hangNext('order.attempts');
    await kit.enqueue('order.attempts', {});
    await kit.enqueue('order.place', { id: 6 });
    await eventually(async () => {
      await expect(kit.settled({ withinMs: 0 })).rejects.toThrow('made to hang');
    });
    await kit.close();
    await expect(never).rejects.toThrow('came until the end of the test');
  });
});
