/**
 * A hybrid app under Nest's agent. Each handler prints the trace id with which it runs. What the agent collects goes to
 * COLLECTOR_URL.
 */
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createObserveModule, TracerService } from '@nestjs/observe';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueEvent,
  RedisQueueMessage,
  RedisQueueModule,
} from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';

const { ObserveModule, ObserveInstrument } = createObserveModule();

@Controller()
class ShopController {
  constructor(
    private readonly client: RedisQueueClient,
    private readonly tracer: TracerService,
  ) {}

  @Get('orders')
  async order(): Promise<string> {
    this.#print('http');
    return firstValueFrom(this.client.send<string>('order.place', {}));
  }

  @RedisQueueMessage('order.place')
  async place(): Promise<string> {
    this.#print('order.place');
    await this.client.enqueue('mail.send', {});
    await this.client.enqueueMany('row', [1, 2]);
    await this.client.emit('order.placed', {});
    return 'placed';
  }

  @RedisQueueMessage('mail.send', { retry: { backoff: 'fixed', delayMs: 0 } })
  mail(@Ctx() context: RedisQueueContext): void {
    if (context.getAttempt() === 1) throw new Error('not yet');
    this.#print('mail.send again');
  }

  @RedisQueueEvent('order.placed')
  live(): void {
    this.#print('live order.placed');
  }

  @RedisQueueEvent('order.placed', { group: 'billing' })
  bill(): void {
    this.#print('billing order.placed');
  }

  @RedisQueueMessage('row', { batch: { size: 2, waitMs: 20_000 } })
  rows(@Payload() rows: readonly unknown[]): void {
    this.#print(`${rows.length} rows`);
  }

  #print(what: string): void {
    print(`${what} ${this.tracer.currentTraceId() ?? 'without'}`);
  }
}

@Module({
  imports: [
    ObserveModule.forRoot({
      appKey: 'key',
      appSecret: 'secret',
      endpoint: process.env['COLLECTOR_URL'] ?? '',
      serviceId: 'shop',
      flushInterval: 1_000,
      runtimeMetrics: false,
    }),
    RedisQueueModule.register({
      connection: process.env['REDIS_URL'],
      prefix: process.env['PREFIX'],
      server: {},
    }),
  ],
  controllers: [ShopController],
})
class AppModule {}

function print(text: string): void {
  process.stdout.write(`${JSON.stringify(text)}\n`);
}

const app = await NestFactory.create(AppModule, { instrument: ObserveInstrument, logger: false });
app.enableShutdownHooks();
app.connectMicroservice(RedisQueueModule.microservice());
await app.startAllMicroservices();
await app.listen(0, '127.0.0.1');
print(`listens ${await app.getUrl()}`);
