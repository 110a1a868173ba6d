import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import {
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueModule,
  RedisQueueRecordBuilder,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';

const connection = process.env['REDIS_URL'];

interface Order {
  readonly id: number;
}

// #region handlers
@Controller()
class BillingController {
  // One replica of the server's own group, `billing`, handles each order, no matter how many are up.
  @EventPattern<string>('order.placed', { durable: true, history: { maxLength: 100_000 } })
  bill(@Payload() order: Order): void {
    console.log(`bill for order ${order.id}`);
  }

  // Another group. It begins with the events that are in the history when the group first starts.
  @EventPattern<string>('order.placed', { group: 'statistics', from: 'earliest' })
  count(@Payload() order: Order): void {
    console.log(`counted order ${order.id}`);
  }

  // Live, at most once: every replica that is up hears every event whose pattern begins with `order.`.
  @EventPattern<string>('order.#')
  watch(@Payload() order: Order, @Ctx() context: RedisQueueContext): void {
    console.log(`saw ${context.getPattern()} ${order.id}`);
  }
}
// #endregion handlers

@Module({
  imports: [
    // #region declare
    // The group gets its copies from now on, even if none of its replicas has ever been up.
    RedisQueueModule.register({
      connection,
      declare: { 'order.placed': { groups: ['billing'] } },
    }),
    // #endregion declare
  ],
  controllers: [BillingController],
})
class AppModule {}

const context = await NestFactory.createApplicationContext(AppModule, {
  logger: ['error', 'warn'],
});
const client = context.get(RedisQueueClient);
const admin = context.get(RedisQueueAdmin);
await admin.declare('order.placed', { history: { maxLength: 100_000 } });

// #region emit
const order = new RedisQueueRecordBuilder({ id: 7 })
  .id('order-7')
  .deduplicate(60_000) // each group gets one copy, even if it is sent again after an unknown outcome
  .mandatory() // an error if neither a group nor a live listener gets it
  .build();
const { groups, listeners } = await client.emit('order.placed', order);
console.log(`held for ${groups} groups, heard by ${listeners} replicas`);
// #endregion emit

const server = await NestFactory.createMicroservice(AppModule, {
  // #region server
  strategy: new RedisQueueServer({ connection, group: 'billing' }),
  // #endregion server
  logger: ['error', 'warn'],
});
server.enableShutdownHooks();
await server.listen();
await client.emit('order.paid', { id: 7 });

// #region replay
const before = await admin.history('order.placed', { limit: 10 });
const count = await admin.replay('order.placed', 'statistics', {
  from: before.events[0]?.historyId,
});
console.log(`gave statistics ${count} orders once more`);
// #endregion replay
await context.close();
