import 'reflect-metadata';
import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import {
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueModule,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';

const connection = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';

const DAY_MS = 86_400_000;

interface About {
  readonly id: string;
}

// #region services
@Controller()
class ShippingController {
  constructor(private readonly bus: RedisQueueClient) {}

  @EventPattern<string>('order.paid', { durable: true })
  async send(@Payload() { id }: About): Promise<void> {
    console.log(`parcel for order ${id}`);
    // Announces what it did, once, however often this runs; fails if nobody would ever hear it.
    const event = { id: `parcel-${id}`, deduplicateMs: DAY_MS, isMandatory: true };
    await this.bus.emit('parcel.sent', { id }, event);
  }
}

@Controller()
class AlertsController {
  // One segment: order.failed, payment.failed, and events of other services with such a name.
  @EventPattern<string>('*.failed', { durable: true })
  alert(@Payload() { id }: About, @Ctx() context: RedisQueueContext): void {
    console.log(`call somebody: ${context.getPattern()} ${id}`);
  }
}

@Controller()
class LedgerController {
  // All events, one after the other, so that they are written in the order in which they happened.
  @EventPattern<string>('#', { durable: true, concurrency: 1 })
  write(@Payload() { id }: About, @Ctx() context: RedisQueueContext): void {
    console.log(`${context.getPattern()} ${id}`);
  }
}
// #endregion services

// #region start
/** A service: its name is its group, and each event that it wants is held once for it. */
async function serve(name: string, controller: Type): Promise<void> {
  @Module({ imports: [RedisQueueModule.register({ connection })], controllers: [controller] })
  class ServiceModule {}

  const app = await NestFactory.createMicroservice(ServiceModule, {
    strategy: new RedisQueueServer({ connection, group: name }),
    logger: ['error', 'warn'],
  });
  app.enableShutdownHooks();
  await app.listen();
  console.log(`${name} listens`);
}
// #endregion start

@Module({ imports: [RedisQueueModule.register({ connection })] })
class EmitModule {}

// #region emit
async function emit(event: string, id: string): Promise<void> {
  const app = await NestFactory.createApplicationContext(EmitModule, { logger: ['error', 'warn'] });
  const { groups } = await app.get(RedisQueueClient).emit(event, { id });
  console.log(`${event} ${id} is held for ${groups} groups`);
  await app.close();
}
// #endregion emit

const services: Readonly<Record<string, Type>> = {
  shipping: ShippingController,
  alerts: AlertsController,
  ledger: LedgerController,
};
const [, , name = 'ledger', id = '1'] = process.argv;
const controller = services[name];
await (controller === undefined ? emit(name, id) : serve(name, controller));
