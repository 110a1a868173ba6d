import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisQueueAdmin, RedisQueueModule } from 'nestjs-redis-queue-transport';

@Module({ imports: [RedisQueueModule.register({ connection: process.env['REDIS_URL'] })] })
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
// #region admin
const admin = app.get(RedisQueueAdmin);
const { waiting, processing, delayed, dead } = await admin.lengths('mail.send');
console.log(`${waiting} waiting, ${processing} held, ${delayed} delayed, ${dead} dead`);

const { letters } = await admin.deadLetters('mail.send', { limit: 10 });
for (const { entry, id, reason, error } of letters) {
  console.log(`${entry}: message ${id ?? 'without id'}: ${reason}: ${error.message}`);
}
const count = await admin.redriveAll('mail.send', (letter) => letter.reason === 'rejected');
console.log(`${count} sent again`);
// #endregion admin
await app.close();
