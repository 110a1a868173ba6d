import 'reflect-metadata';
import { ExpressAdapter } from '@bull-board/express';
import { BullBoardModule } from '@bull-board/nestjs';
import type { BullBoardModuleOptions } from '@bull-board/nestjs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisQueueAdmin, RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';
import { everyRedisQueue } from 'nestjs-redis-queue-transport/bull-board';

// #region module
const queues = RedisQueueModule.register({ connection: process.env['REDIS_URL'] });

@Module({
  imports: [
    queues,
    BullBoardModule.forRootAsync({
      imports: [queues],
      inject: [RedisQueueAdmin, RedisQueueClient],
      useFactory: (admin: RedisQueueAdmin, client: RedisQueueClient) => ({
        route: '/queues',
        // The cast is needed while @bull-board/express pins another patch release of @bull-board/api.
        adapter: ExpressAdapter as unknown as BullBoardModuleOptions['adapter'],
        boardOptions: { handlerHooks: { before: everyRedisQueue({ admin, client }) } },
      }),
    }),
  ],
})
class AppModule {}
// #endregion module

const app = await NestFactory.create(AppModule);
await app.listen(process.env['PORT'] ?? 3000);
await app.get(RedisQueueClient).enqueue('mail.send', { to: 'ada@example.com' });

const response = await fetch(`${await app.getUrl()}/queues/api/queues`);
const board = (await response.json()) as {
  queues: { name: string; counts: { waiting: number } }[];
};
for (const { name, counts } of board.queues) console.log(`${name}: ${counts.waiting} waiting`);
await app.close();
