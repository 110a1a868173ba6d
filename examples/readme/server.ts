// #region server
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { DeadLetter, RedisQueueServer } from 'nestjs-redis-queue-transport';

@Controller()
class MailController {
  @MessagePattern('mail.send')
  send(@Payload() mail: { to: string; text: string }): string {
    if (!mail.to.includes('@')) throw new DeadLetter(`"${mail.to}" is no address`);
    console.log(`mail to ${mail.to}: ${mail.text}`);
    return `sent to ${mail.to}`;
  }

  @EventPattern<string>('user.created')
  welcome(@Payload() user: { name: string }): void {
    console.log(`welcome, ${user.name}`);
  }
}

@Module({ controllers: [MailController] })
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, {
  strategy: new RedisQueueServer({ connection: process.env['REDIS_URL'] }),
});
app.enableShutdownHooks();
await app.listen();
// #endregion server
