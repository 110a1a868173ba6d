import 'reflect-metadata';
import {
  Catch,
  Controller,
  HttpException,
  Injectable,
  Module,
  UseFilters,
  UseGuards,
  UsePipes,
  ValidationPipe,
  type CanActivate,
  type ExecutionContext,
  type RpcExceptionFilter,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { IsEmail, IsNotEmpty } from 'class-validator';
import {
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueModule,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom, throwError, type Observable } from 'rxjs';

// #region dto
class Mail {
  @IsEmail()
  readonly to!: string;

  @IsNotEmpty()
  readonly text!: string;
}
// #endregion dto

// #region guard
@Injectable()
class TenantGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const message = context.switchToRpc().getContext<RedisQueueContext>();
    return message.getHeaders()['tenant'] === 'acme';
  }
}
// #endregion guard

// #region filter
@Catch(HttpException)
class TellCaller implements RpcExceptionFilter<HttpException> {
  catch(error: HttpException): Observable<never> {
    return throwError(() => error.getResponse());
  }
}
// #endregion filter

// #region handler
@Controller()
@UseGuards(TenantGuard)
@UsePipes(new ValidationPipe({ transform: true, whitelist: true }))
@UseFilters(TellCaller)
class MailController {
  @MessagePattern('mail.send')
  send(@Payload() mail: Mail): string {
    return `sent to ${mail.to}`;
  }
}
// #endregion handler

@Module({
  imports: [RedisQueueModule.register({ connection: process.env['REDIS_URL'], server: {} })],
  controllers: [MailController],
})
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, {
  ...RedisQueueModule.microservice(),
  logger: ['error'],
});
await app.listen();
const client = app.get(RedisQueueClient);
const admin = app.get(RedisQueueAdmin);

const good = { to: 'ada@example.com', text: 'Hello' };
const bad = { to: 'nobody', text: 'Hello' };

const acme = { headers: { tenant: 'acme' } };

console.log(await lastValueFrom(client.send('mail.send', good, acme)));
for (const refused of [client.send('mail.send', bad, acme), client.send('mail.send', good)])
  await lastValueFrom(refused).catch((error: unknown) => console.log(error));

await client.enqueue('mail.send', bad, acme);
while ((await admin.lengths('mail.send')).dead === 0) await new Promise(setImmediate);
const { letters } = await admin.deadLetters('mail.send');
for (const { reason, attempt, error } of letters)
  console.log(reason, attempt, error.message, error.details);
await app.close();
