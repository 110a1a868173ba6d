import 'reflect-metadata';
import { Controller, Injectable, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import {
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueModule,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';

const connection = process.env['REDIS_URL'];

interface User {
  readonly name: string;
  readonly mail: string;
  readonly phone: string;
}

// #region services
@Controller()
class MailController {
  // One copy for the server's group: one of its replicas handles it, and it comes again if that fails.
  @EventPattern<string>('user.signed-up', { durable: true, retry: { attempts: 5, delayMs: 1_000 } })
  welcome(@Payload() user: User, @Ctx() context: RedisQueueContext): void {
    console.log(`mail to ${user.mail}, attempt ${context.getAttempt()}`);
    if (context.getAttempt() === 1) throw new Error('The mail server is busy.');
    console.log(`welcome, ${user.name}`);
  }
}

@Controller()
class SmsController {
  // Another group with its own copy: a mail that fails does not affect this one.
  @EventPattern<string>('user.signed-up', { durable: true, once: { windowMs: 86_400_000 } })
  sendCode(@Payload() user: User): void {
    console.log(`SMS to ${user.phone}: your code is 1234`);
  }
}
// #endregion services

// #region sign-up
@Injectable()
class SignUpService {
  constructor(private readonly client: RedisQueueClient) {}

  async signUp(user: User): Promise<void> {
    // Save the user in your database here. Then tell every service that wants to know:
    const emitted = await this.client.emit('user.signed-up', user, {
      id: `signed-up-${user.mail}`,
      deduplicateMs: 60_000, // a second click within a minute causes no second welcome
      isMandatory: true, // fails if there is no group at all: somebody forgot to declare them
    });
    if (emitted.isDuplicate) console.log(`${user.name} is signed up already`);
    else console.log(`${user.name} is signed up, and ${emitted.groups} groups will hear of it`);
  }
}
// #endregion sign-up

// #region modules
@Module({ controllers: [MailController] })
class MailModule {}

@Module({ controllers: [SmsController] })
class SmsModule {}

@Module({
  imports: [
    RedisQueueModule.register({
      connection,
      // From now on these groups get their copies, even one that has never been started.
      declare: { 'user.signed-up': { groups: ['mail', 'sms'] } },
    }),
  ],
  providers: [SignUpService],
})
class SignUpModule {}
// #endregion modules

const [, , role = 'ada', ...rest] = process.argv;

// #region start
async function serve(group: string, module: Type): Promise<void> {
  const app = await NestFactory.createMicroservice(module, {
    strategy: new RedisQueueServer({ connection, group }),
    logger: ['error', 'warn'],
  });
  app.enableShutdownHooks();
  await app.listen();
  console.log(`${group} listens`);
}
// #endregion start

async function signUp(name: string): Promise<void> {
  const app = await NestFactory.createApplicationContext(SignUpModule, {
    logger: ['error', 'warn'],
  });
  const user = { name, mail: `${name.toLowerCase()}@example.com`, phone: '+44 20 7946 0000' };
  await app.get(SignUpService).signUp(user);
  await app.close();
}

if (role === 'mail') await serve('mail', MailModule);
else if (role === 'sms') await serve('sms', SmsModule);
else for (const name of [role, ...rest]) await signUp(name);
