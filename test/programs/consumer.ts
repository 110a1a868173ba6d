import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { MicroserviceOptions } from '@nestjs/microservices';
import {
  DeadLetter,
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { Gate } from '../support/gate.js';
import { JournalWriter } from '../support/journal.js';
import { recordOf } from '../support/test-record.js';
import type {
  Answer,
  ConsumerSettings,
  Numbered,
  Order,
  TestMessage,
} from '../support/consumer-process.js';

/** A service with one handler that a test can kill, stop and look at. The handler does what its messages say. */
const settings = JSON.parse(process.argv[2] ?? '') as ConsumerSettings; // from ConsumerProcess
const journal = new JournalWriter(settings.journal);
const released = new Gate();
/** Opened for the messages that hold now; then there is another one. */
let releasedOnce = new Gate();

@Controller()
class TestController {
  @MessagePattern(settings.queue, {
    limit: settings.limit,
    perKey: settings.perKey,
    maxLength: settings.maxLength,
  })
  handle(@Payload() data: TestMessage, @Ctx() context: RedisQueueContext): Promise<string> {
    return handle(data, context);
  }
}

@Controller()
class GroupController {
  @EventPattern<string>(settings.group?.pattern ?? '', { group: settings.group?.name ?? '' })
  async handle(@Payload() data: TestMessage, @Ctx() context: RedisQueueContext): Promise<void> {
    await handle(data, context);
  }
}

async function handle(data: TestMessage, context: RedisQueueContext): Promise<string> {
  const entry = { id: data.id, attempt: context.getAttempt() };
  journal.write({ event: 'start', ...entry, sentAtMs: context.getSentAt()?.getTime() });
  const signal = context.getSignal();
  signal.addEventListener('abort', () => {
    const { code } = signal.reason as { code: string }; // every reason is an error of the library
    journal.write({ event: 'aborted', ...entry, reason: code });
  });
  if (data.kills === true) process.kill(process.pid, 'SIGKILL');
  const blockedUntil = performance.now() + (entry.attempt === 1 ? (data.blocksMs ?? 0) : 0);
  while (performance.now() < blockedUntil);
  if (data.holds === true) await Promise.race([released.opened, releasedOnce.opened]);
  else await pause(data.workMs ?? 0);
  const failure = failureOf(data, entry.attempt);
  journal.write({ event: failure === undefined ? 'end' : 'threw', ...entry });
  if (failure !== undefined) throw failure;
  return data.id;
}

function failureOf({ isUseless, failsFirst }: TestMessage, attempt: number): Error | undefined {
  if (isUseless === true) return new DeadLetter('useless');
  return failsFirst === true && attempt === 1 ? new Error('fails the first time') : undefined;
}

@Controller()
class EventController {
  @EventPattern<string>(settings.hears ?? '')
  hear(@Payload() { id }: TestMessage): void {
    journal.write({ event: 'heard', id, attempt: 0 });
  }
}

/** Connects when it is told to send. */
const client = new RedisQueueClient({ connection: settings.url, prefix: settings.prefix });

@Module({
  controllers: [
    TestController,
    ...(settings.hears === undefined ? [] : [EventController]),
    ...(settings.group === undefined ? [] : [GroupController]),
  ],
  providers: [{ provide: RedisQueueClient, useValue: client }],
})
class TestModule {}

const server = new RedisQueueServer({
  connection: settings.url,
  prefix: settings.prefix,
  leaseMs: settings.leaseMs,
  ...settings.options,
});
server.on('eventsInterrupted', (times) =>
  journal.write({ event: 'interrupted', id: String(times), attempt: 0 }),
);
const app = await NestFactory.createMicroservice<MicroserviceOptions>(TestModule, {
  logger: ['error', 'warn'],
  strategy: server,
});
app.enableShutdownHooks();
process.on('message', (order: 'let go' | 'let go once' | Numbered<Order>) => {
  if (order === 'let go') return released.open();
  if (order === 'let go once') return letGoOnce();
  if (order.do === 'setClock') return; // wrong-clock.ts does it
  void carryOut(order).then((answer) => process.send?.({ ...answer, number: order.number }));
});
// The test has ended in some way.
process.on('disconnect', () => process.exit(1));
process.once('SIGTERM', () => journal.write({ event: 'stop', id: '', attempt: 0 }));
await app.listen();
process.send?.('ready');

function letGoOnce(): void {
  releasedOnce.open();
  releasedOnce = new Gate();
}

async function carryOut(order: Exclude<Order, { readonly do: 'setClock' }>): Promise<Answer> {
  if (order.do === 'health') return { value: server.health() };
  if (order.do === 'pause') return { value: server.pause() };
  if (order.do === 'resume') return { value: server.resume() };
  const { message, terms } = order;
  const record = recordOf(message);
  if (terms.delayMs !== undefined) record.delay(terms.delayMs);
  if (terms.expiresInMs !== undefined) record.expiresIn(terms.expiresInMs);
  try {
    return { value: await lastValueFrom(client[order.do](settings.queue, record.build())) };
  } catch (error) {
    return { code: (error as { code?: unknown }).code ?? null }; // only errors of the library have one
  }
}
