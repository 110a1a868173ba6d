import 'reflect-metadata';
import { Controller, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import {
  DeadLetter,
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueModule,
} from 'nestjs-redis-queue-transport';

interface Mail {
  readonly to: string;
}

// #region service
@Controller()
class MailController {
  @MessagePattern('mail.send', {
    concurrency: 5,
    retry: { attempts: 3, delayMs: 100, backoff: 'fixed' },
  })
  send(@Payload() mail: Mail, @Ctx() context: RedisQueueContext): void {
    if (mail.to === '') {
      console.log('given up: there is no address');
      throw new DeadLetter('there is no address');
    }
    if (context.getAttempt() === 1) throw new Error('the mail server is busy');
    console.log(`mail to ${mail.to}, attempt ${context.getAttempt()}`);
  }
}
// #endregion service

// #region client
@Injectable()
class SignUp {
  constructor(
    private readonly client: RedisQueueClient,
    private readonly admin: RedisQueueAdmin,
  ) {}

  async run(): Promise<void> {
    const once = { id: 'ada', deduplicateMs: 60_000 };
    await this.client.enqueue('mail.send', { to: 'ada@example.com' }, { ...once, delayMs: 50 });
    await this.client.enqueue('mail.send', { to: '' });
  }

  async deadLetters(): Promise<number> {
    return (await this.admin.lengths('mail.send')).dead;
  }
}
// #endregion client

// #region module
@Module({
  imports: [RedisQueueModule.register({ connection: process.env['REDIS_URL'], server: {} })],
  controllers: [MailController],
  providers: [SignUp],
})
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, RedisQueueModule.microservice());
// #endregion module
app.enableShutdownHooks();
await app.listen();
await app.get(SignUp).run();
while ((await app.get(SignUp).deadLetters()) === 0)
  await new Promise((next) => setTimeout(next, 20));
console.log('failed: 1');
