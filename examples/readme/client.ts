// #region client
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';

@Module({ imports: [RedisQueueModule.register({ connection: process.env['REDIS_URL'] })] })
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule);
const client = app.get(RedisQueueClient); // in a class of yours: constructor(private readonly client: RedisQueueClient)
const mail = { to: 'ada@example.com', text: 'Good morning' };

const { id } = await client.enqueue('mail.send', mail); // resolves when Redis holds it
console.log(`held as ${id}`);
console.log(await firstValueFrom(client.send<string>('mail.send', mail))); // waits for the reply
await client.emit('user.created', { name: 'Ada' }); // tells every replica that listens
await app.close();
// #endregion client
