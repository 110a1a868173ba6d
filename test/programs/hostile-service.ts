import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { CustomStrategy } from '@nestjs/microservices';
import { DeadLetter, RedisQueueBatchContext, RedisQueueServer } from 'nestjs-redis-queue-transport';
import type { RedisQueueHandlerOptions } from 'nestjs-redis-queue-transport';

/**
 * A service among strangers: it handles messages that say that they are good, and ends in every possible way for all
 * others. It prints what it handled and, now and then, its health, one JSON text in each line.
 */
function print(event: string): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** Bad messages end in every possible way, and often enough well, so that the queue is not slowed down. */
let bad = 0;
function endInTurn(kind: string): string {
  bad += 1;
  if (bad % 3 === 0) throw new Error(`bad ${kind}`);
  if (bad % 3 === 1) throw new DeadLetter(`bad ${kind}`);
  return 'bad';
}

function handle(kind: string, data: unknown): string {
  const good =
    typeof data === 'object' && data !== null && 'good' in data ? String(data.good) : undefined;
  if (good === undefined) return endInTurn(kind);
  print(`${kind} ${good}`);
  return good;
}

const BOUNDS: RedisQueueHandlerOptions = {
  concurrency: 20,
  retry: { attempts: 2, backoff: 'fixed', delayMs: 0 },
  leaseMs: 5_000,
};

@Controller()
class Handlers {
  @MessagePattern('work', { ...BOUNDS, feedFrom: { list: process.env['LIST'] ?? '' } })
  work(data: unknown): string {
    return handle('message', data);
  }

  @MessagePattern('once', { ...BOUNDS, once: { windowMs: 60_000 }, batch: { size: 10 } })
  batch(@Payload() _batch: unknown[], @Ctx() context: RedisQueueBatchContext): void {
    for (const item of context.items) {
      try {
        handle('batch', item.data);
        item.done();
      } catch (error) {
        if (error instanceof DeadLetter) item.deadLetter(error.message);
        else item.fail(error);
      }
    }
  }

  @EventPattern<string>('order.#', { ...BOUNDS, group: 'billing' })
  copy(data: unknown): void {
    handle('copy', data);
  }

  @EventPattern<string>('order.#')
  listen(data: unknown): void {
    handle('live', data);
  }
}

@Module({ controllers: [Handlers] })
class ServiceModule {}

const server = new RedisQueueServer({
  connection: process.env['REDIS_URL'],
  prefix: process.env['PREFIX'],
});
const app = await NestFactory.createMicroservice<CustomStrategy>(ServiceModule, {
  strategy: server,
  logger: false,
});
await app.listen();
print('ready');
setInterval(() => print(`health ${server.health().status}`), 500);
