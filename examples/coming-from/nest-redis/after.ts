import 'reflect-metadata';
import { Controller, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';

interface Mail {
  readonly to: string;
  readonly text: string;
}

// #region service
@Controller()
class MailController {
  @MessagePattern('mail.send')
  send(@Payload() mail: Mail): string {
    return `sent to ${mail.to}`;
  }

  @EventPattern<string>('user.created', { durable: true })
  welcome(@Payload() user: { readonly name: string }): void {
    console.log(`welcome, ${user.name}`);
  }
}
// #endregion service

// #region client
@Injectable()
class SignUp {
  constructor(private readonly client: RedisQueueClient) {}

  async run(): Promise<void> {
    const mail = { to: 'ada@example.com', text: 'Good morning' };
    // Fails after 10 s if nobody answers.
    console.log(await firstValueFrom(this.client.send<string>('mail.send', mail)));
    // One replica welcomes Ada, now or when the service is up again.
    await this.client.emit('user.created', { name: 'Ada' });
  }
}
// #endregion client

// #region module
@Module({
  imports: [
    RedisQueueModule.register({
      connection: process.env['REDIS_URL'],
      server: { group: 'mail-service' },
    }),
  ],
  controllers: [MailController],
  providers: [SignUp],
})
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, RedisQueueModule.microservice());
// #endregion module
app.enableShutdownHooks();
await app.listen();
await app.get(SignUp).run();
