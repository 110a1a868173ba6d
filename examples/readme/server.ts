// #region server
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { DeadLetter, RedisQueueModule } from 'nestjs-redis-queue-transport';

@Controller()
class MailController {
  @MessagePattern('mail.send')
  send(@Payload() mail: { to: string; text: string }): string {
    if (!mail.to.includes('@')) throw new DeadLetter(`"${mail.to}" is not an address`);
    console.log(`mail to ${mail.to}: ${mail.text}`);
    return `sent to ${mail.to}`;
  }

  @EventPattern<string>('user.created')
  welcome(@Payload() user: { name: string }): void {
    console.log(`welcome, ${user.name}`);
  }
}

@Module({
  imports: [RedisQueueModule.register({ connection: process.env['REDIS_URL'], server: {} })],
  controllers: [MailController],
})
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, RedisQueueModule.microservice());
app.enableShutdownHooks();
await app.listen();
// #endregion server
