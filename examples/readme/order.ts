import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';

@Module({ imports: [RedisQueueModule.register({ connection: process.env['REDIS_URL'] })] })
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
const client = app.get(RedisQueueClient);
// #region emit
const { groups } = await client.emit('order.placed', { id: 7 });
console.log(`copies held: ${groups}`);
// #endregion emit
await app.close();
