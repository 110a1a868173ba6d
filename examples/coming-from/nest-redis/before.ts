import 'reflect-metadata';
import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxy,
  ClientsModule,
  EventPattern,
  MessagePattern,
  Payload,
  Transport,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { firstValueFrom, timeout } from 'rxjs';

const { hostname: host, port } = new URL(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');
const redis = { transport: Transport.REDIS as const, options: { host, port: Number(port) } };

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

  @EventPattern('user.created')
  welcome(@Payload() user: { readonly name: string }): void {
    console.log(`welcome, ${user.name}`);
  }
}
// #endregion service

// #region client
@Injectable()
class SignUp {
  constructor(@Inject('MAIL') private readonly client: ClientProxy) {}

  async run(): Promise<void> {
    const mail = { to: 'ada@example.com', text: 'Good morning' };
    // Without `timeout`, this waits forever if the service is down.
    const sent = this.client.send<string>('mail.send', mail).pipe(timeout(10_000));
    console.log(await firstValueFrom(sent));
    // Every replica that listens welcomes Ada. If none does, nobody learns of it.
    await firstValueFrom(this.client.emit('user.created', { name: 'Ada' }));
  }
}
// #endregion client

// #region module
@Module({
  imports: [ClientsModule.register([{ name: 'MAIL', ...redis }])],
  controllers: [MailController],
  providers: [SignUp],
})
class AppModule {}

const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, redis);
// #endregion module
app.enableShutdownHooks();
await app.listen();
await app.get(SignUp).run();
