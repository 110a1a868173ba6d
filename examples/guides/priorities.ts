import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import {
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueModule,
} from 'nestjs-redis-queue-transport';

const sent: string[] = [];

@Controller()
class MailController {
  @MessagePattern('mail.send')
  send(@Payload() to: string, @Ctx() context: RedisQueueContext): void {
    sent.push(`to ${to}, priority ${context.getPriority()}`);
  }
}

@Module({
  imports: [RedisQueueModule.register({ connection: process.env['REDIS_URL'], server: {} })],
  controllers: [MailController],
})
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, {
  ...RedisQueueModule.microservice(),
  logger: false,
});
const client = app.get(RedisQueueClient);
const readers = ['ada', 'bob'];
// #region call
await client.enqueueMany('mail.send', readers, { priority: 0 }); // a newsletter
await client.enqueue('mail.send', 'eve', { priority: 9 }); // a new password
// #endregion call
await app.listen();
while (sent.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
for (const line of sent) console.log(line);
await app.close();
