/**
 * What every supported combination of Nest, ioredis, Node and module format must be able to do. It is copied into fresh
 * projects (see ../main.ts), compiled and run there: as a program that ends with 1 if something failed, and as a spec
 * file of Jest or Vitest. So it imports only packages, and uses nothing that only ES modules or CommonJS have.
 */
import 'reflect-metadata';
import { strict as assert } from 'node:assert';
import { randomUUID } from 'node:crypto';
import {
  Body,
  Controller,
  Inject,
  Injectable,
  ParseIntPipe,
  Post,
  UseGuards,
} from '@nestjs/common';
import type {
  CanActivate,
  DynamicModule,
  ExecutionContext,
  INestApplicationContext,
  INestMicroservice,
  Provider,
  Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, Payload, RpcException } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import {
  RedisQueueAdmin,
  RedisQueueBatchContext,
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueEvent,
  RedisQueueMessage,
  RedisQueueModule,
  RedisQueueServer,
  RedisUnavailableError,
  rawCodec,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueSettings } from 'nestjs-redis-queue-transport';
import { concat, firstValueFrom, lastValueFrom, of, throwError, toArray } from 'rxjs';
import type { Observable } from 'rxjs';

const URL = process.env['REDIS_URL'];
const WITHIN_MS = 60_000;

interface Parts {
  readonly controllers?: Type[];
  readonly providers?: Provider[];
}

/** What one scenario opens. It is closed after the scenario. */
class World {
  readonly prefix = `compat-${randomUUID()}`;
  readonly #open: INestApplicationContext[] = [];

  /** An app with a client, and with a server if it has options for one. */
  module({ controllers = [], providers = [] }: Parts, settings: RedisQueueSettings): DynamicModule {
    const imports = [
      RedisQueueModule.register({ connection: URL, prefix: this.prefix, ...settings }),
    ];
    return { module: class AppModule {}, imports, controllers, providers };
  }

  async serve(parts: Parts, settings: RedisQueueSettings = {}): Promise<INestMicroservice> {
    const module = this.module(parts, { server: {}, ...settings });
    const app = await NestFactory.createMicroservice(module, {
      ...RedisQueueModule.microservice(),
      logger: false,
    });
    this.#open.push(app);
    await app.listen();
    return app;
  }

  async context(parts: Parts = {}): Promise<INestApplicationContext> {
    const app = await NestFactory.createApplicationContext(this.module(parts, {}), {
      logger: false,
    });
    this.#open.push(app);
    return app;
  }

  async client(): Promise<RedisQueueClient> {
    return (await this.context()).get(RedisQueueClient);
  }

  closeLater<T extends INestApplicationContext>(app: T): T {
    this.#open.push(app);
    return app;
  }

  async end(): Promise<void> {
    for (const app of this.#open) await app.close();
    const redis = new Redis(URL ?? '');
    const keys = await redis.keys(`${this.prefix}:*`);
    if (keys.length > 0) await redis.del(keys);
    await redis.quit();
  }
}

async function eventually(check: () => unknown): Promise<void> {
  const end = Date.now() + WITHIN_MS;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

@Injectable()
class NotForbidden implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToRpc().getData<unknown>() !== 'forbidden';
  }
}

/** The exception is one of HTTP, which Nest's filter for messages hides from the caller. */
const WHOLE_NUMBER = new ParseIntPipe({ exceptionFactory: (text) => new RpcException(text) });

@Controller()
class CallsController {
  @RedisQueueMessage('sum')
  sum(@Payload() numbers: readonly number[], @Ctx() context: RedisQueueContext): unknown {
    return { sum: numbers.reduce((sum, each) => sum + each, 0), pattern: context.getPattern() };
  }

  @RedisQueueMessage('count')
  count(): Observable<number> {
    return of(1, 2, 3);
  }

  @RedisQueueMessage('break')
  break(): Observable<number> {
    return concat(
      of(1),
      throwError(() => new RpcException('broken on the way')),
    );
  }

  @UseGuards(NotForbidden)
  @RedisQueueMessage('double')
  double(@Payload(WHOLE_NUMBER) number: number): number {
    return number * 2;
  }
}

async function requests(world: World): Promise<void> {
  await world.serve({ controllers: [CallsController] });
  const client = await world.client();

  const sum = await firstValueFrom(client.send<unknown>('sum', [1, 2, 3]));
  assert.deepEqual(sum, { sum: 6, pattern: 'sum' });
  assert.deepEqual(await lastValueFrom(client.send('count', {}).pipe(toArray())), [1, 2, 3]);
  assert.equal(await lastValueFrom(client.send('double', '21')), 42);

  const values: unknown[] = [];
  const failure = await new Promise<unknown>((resolve) => {
    client.send('break', {}).subscribe({
      next: (value) => values.push(value),
      error: resolve,
      complete: () => resolve('completed'),
    });
  });
  assert.deepEqual(values, [1]);
  assert.match(textOf(failure), /broken on the way/);
  const forbidden = await firstValueFrom(client.send<unknown>('double', 'forbidden')).catch(asItIs);
  assert.match(textOf(forbidden), /Forbidden resource/);
  const wrong = await firstValueFrom(client.send<unknown>('double', 'many')).catch(asItIs);
  assert.match(textOf(wrong), /numeric string/);
}

/** Filters turn errors into objects or texts. */
function textOf(error: unknown): string {
  return error instanceof Error ? error.message : JSON.stringify(error);
}

function asItIs(error: unknown): unknown {
  return error;
}

const attempts: string[] = [];
let isMended = false;

@Controller()
class FailingController {
  @RedisQueueMessage('flaky', { retry: { attempts: 3, backoff: 'fixed', delayMs: 0 } })
  flaky(@Payload() name: string, @Ctx() context: RedisQueueContext): void {
    attempts.push(`${name} ${context.getAttempt()}`);
    if (name === 'bad' ? !isMended : context.getAttempt() < 3) throw new Error(`${name} failed`);
  }
}

async function retriesAndDeadLetters(world: World): Promise<void> {
  const app = await world.serve({ controllers: [FailingController] });
  const [client, admin] = [app.get(RedisQueueClient), app.get(RedisQueueAdmin)];

  const { id, isDuplicate } = await client.enqueue('flaky', 'good', {
    headers: { tenant: 'acme' },
  });
  assert.equal(typeof id, 'string');
  assert.equal(isDuplicate, false);
  await eventually(() => assert.deepEqual(attempts, ['good 1', 'good 2', 'good 3']));

  attempts.length = 0;
  await client.enqueue('flaky', 'bad');
  await eventually(async () => assert.equal((await admin.lengths('flaky')).dead, 1));
  assert.deepEqual(attempts, ['bad 1', 'bad 2', 'bad 3']);
  const [letter] = (await admin.deadLetters('flaky')).letters;
  assert.equal(letter?.data, 'bad');
  assert.equal(letter.error.message, 'bad failed');

  attempts.length = 0;
  isMended = true;
  assert.equal(await admin.redrive('flaky', letter.entry), true);
  await eventually(() => assert.deepEqual(attempts, ['bad 1']));
  await eventually(async () => {
    const { waiting, processing, delayed, dead } = await admin.lengths('flaky');
    assert.deepEqual(
      { waiting, processing, delayed, dead },
      { waiting: 0, processing: 0, delayed: 0, dead: 0 },
    );
  });
}

const HEARD = Symbol('HEARD');

@Controller()
class EventsController {
  constructor(@Inject(HEARD) private readonly heard: string[]) {}

  @RedisQueueEvent('order.*')
  live(@Payload() order: string, @Ctx() context: RedisQueueContext): void {
    this.heard.push(`live ${context.getPattern()} ${order}`);
  }

  @RedisQueueEvent('order.placed', { group: 'billing' })
  durable(@Payload() order: string): void {
    this.heard.push(`billing ${order}`);
  }
}

async function events(world: World): Promise<void> {
  const heard: string[] = [];
  const parts = {
    controllers: [EventsController],
    providers: [{ provide: HEARD, useValue: heard }],
  };
  await world.serve(parts);
  await world.serve(parts);
  const client = await world.client();

  const { groups, listeners } = await client.emit('order.placed', 'a');

  assert.deepEqual({ groups, listeners }, { groups: 1, listeners: 2 });
  const expected = ['billing a', 'live order.placed a', 'live order.placed a'];
  await eventually(() => assert.deepEqual([...heard].sort(), expected));
}

const batches: (readonly number[])[] = [];

@Controller()
class BatchController {
  @RedisQueueMessage('row', { batch: { size: 10, waitMs: 60_000 } })
  rows(@Payload() rows: readonly number[], @Ctx() context: RedisQueueBatchContext): void {
    assert.equal(context.items.length, rows.length);
    batches.push(rows);
  }
}

async function batchHandlers(world: World): Promise<void> {
  const rows = Array.from({ length: 20 }, (_, index) => index);
  const client = await world.client();
  const results = await client.enqueueMany('row', rows);
  assert.equal(new Set(results.map(({ id }) => id)).size, 20);

  await world.serve({ controllers: [BatchController] });

  await eventually(() => assert.deepEqual(batches.flat(), rows));
  assert.deepEqual(
    batches.map(({ length }) => length),
    [10, 10],
  );
}

@Injectable()
class Orders {
  constructor(private readonly client: RedisQueueClient) {}

  place(order: string): Promise<unknown> {
    return firstValueFrom(this.client.send('order.place', order));
  }
}

@Controller('orders')
class HybridController {
  constructor(private readonly orders: Orders) {}

  @Post()
  place(@Body() { order }: { readonly order: string }): Promise<unknown> {
    return this.orders.place(order);
  }

  @RedisQueueMessage('order.place')
  onPlace(@Payload() order: string): { readonly placed: string } {
    return { placed: order };
  }
}

async function hybridApps(world: World): Promise<void> {
  const parts = { controllers: [HybridController], providers: [Orders] };
  const module = world.module(parts, { server: {} });
  const app = world.closeLater(await NestFactory.create(module, { logger: false }));
  app.connectMicroservice(RedisQueueModule.microservice());
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');

  const response = await fetch(`${await app.getUrl()}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ order: 'a' }),
  });

  // Under Jest, objects of fetch are of another realm.
  assert.equal(await response.text(), JSON.stringify({ placed: 'a' }));
}

const begun = gate();
const released = gate();
const handled: string[] = [];

@Controller()
class SlowController {
  @RedisQueueMessage('slow', { concurrency: 1 })
  async slow(@Payload() name: string): Promise<void> {
    begun.open();
    await released.opened;
    handled.push(name);
  }
}

async function shutdown(world: World): Promise<void> {
  const app = await world.serve({ controllers: [SlowController] });
  const context = await world.context();
  const [client, admin] = [context.get(RedisQueueClient), context.get(RedisQueueAdmin)];
  await client.enqueueMany('slow', ['first', 'second']);
  await begun.opened;

  const closing = app.close();
  released.open();
  await closing;

  assert.deepEqual(handled, ['first']);
  const { waiting, processing, dead } = await admin.lengths('slow');
  assert.deepEqual({ waiting, processing, dead }, { waiting: 1, processing: 0, dead: 0 });
}

@Controller()
class BytesController {
  @RedisQueueMessage('mirror')
  mirror(@Payload() data: unknown): unknown {
    return data;
  }
}

async function bodies(world: World): Promise<void> {
  await world.serve({ controllers: [BytesController] });
  const client = await world.client();

  const bytes = Buffer.from([0, 10, 13, 36, 255, 128]);
  const asBytes = { codec: rawCodec };
  const mirrored = await firstValueFrom(client.send<Uint8Array>('mirror', bytes, asBytes));
  assert.deepEqual([...mirrored], [...bytes]);
  const large = { text: 'ä€😀'.repeat(100_000) };
  assert.deepEqual(await firstValueFrom(client.send('mirror', large)), large);
}

/** Nest 11 has no hook for outgoing packets. */
interface Nest12Client {
  setOnDispatchHook?: (hook: (packet: { metadata?: unknown }) => void) => void;
}

/** What tools that observe an app hook into: see docs/compatibility.md. */
async function hooks(world: World): Promise<void> {
  const server = new RedisQueueServer({ connection: URL, prefix: world.prefix });
  const seen: string[] = [];
  // Like such tools, it returns the promise, although Nest's type says void.
  const onStart = (transport: unknown, context: unknown, done: () => Promise<unknown>): unknown => {
    assert.ok(context instanceof RedisQueueContext);
    seen.push(`start ${String(transport)} ${context.getPattern()}`);
    return done();
  };
  server.setOnProcessingStartHook(onStart);
  server.setOnProcessingEndHook(() => seen.push('end'));
  const app = await NestFactory.createMicroservice(
    { module: class AppModule {}, controllers: [HooksController] },
    { strategy: server, logger: false },
  );
  world.closeLater(app);
  await app.listen();
  const client = await world.client();
  const { setOnDispatchHook } = client as Nest12Client;
  setOnDispatchHook?.call(client, (packet) => {
    packet.metadata = { 'x-request-id': 'r1' };
  });

  const metadata = await firstValueFrom(client.send<unknown>('metadata', {}));

  assert.deepEqual(metadata, setOnDispatchHook ? { 'x-request-id': 'r1' } : 'none');
  await eventually(() => assert.equal(seen.at(-1), 'end'));
  assert.deepEqual(seen, [`start ${String(server.transportId)} metadata`, 'end']);
}

@Controller()
class HooksController {
  @RedisQueueMessage('metadata')
  metadata(@Ctx() context: RedisQueueContext): unknown {
    return context.getMetadata() ?? 'none';
  }
}

async function noRedis(): Promise<void> {
  const connection = { port: 1, connectTimeout: 500 };
  const client = new RedisQueueClient({ connection, connectTimeoutMs: 500 });

  const failure: unknown = await client.enqueue('a', 1).then(() => 'held', asItIs);

  assert.ok(failure instanceof RedisUnavailableError, textOf(failure));
  assert.match(failure.message, /ECONNREFUSED/);
  await client.close();
}

const scenarios: readonly (readonly [string, (world: World) => Promise<void>])[] = [
  ['send gets values, streams and errors, through guards and pipes', requests],
  ['enqueue is retried, dead-lettered and redriven', retriesAndDeadLetters],
  ['emit reaches every live listener and one replica of each group', events],
  ['batches', batchHandlers],
  ['a hybrid app', hybridApps],
  ['shutdown lets what runs end, and hands the rest back', shutdown],
  ['bytes and large bodies come as they went', bodies],
  ['hooks of tools that observe', hooks],
  ['without a Redis, a call says so', noRedis],
];

async function play(scenario: (world: World) => Promise<void>): Promise<void> {
  const world = new World();
  try {
    await scenario(world);
  } finally {
    await world.end();
  }
}

type Test = (name: string, run: () => Promise<void>, timeoutMs: number) => void;

/** Those of Jest, or of Vitest with its option `globals`. */
const { test } = globalThis as { readonly test?: Test };

async function main(): Promise<void> {
  for (const [name, scenario] of scenarios) {
    try {
      await play(scenario);
      console.log(`ok ${name}`);
    } catch (error) {
      process.exitCode = 1;
      console.log(`FAILED ${name}`, error);
    }
  }
}

if (test === undefined) void main();
else for (const [name, scenario] of scenarios) test(name, () => play(scenario), WITHIN_MS);
