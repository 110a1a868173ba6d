import 'reflect-metadata';
import { setTimeout } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueClient, RedisQueueModule, RedisQueueServer } from 'nestjs-redis-queue-transport';

const connection = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';

const READERS = 1_000;
const FORGETFUL = 20;
const ALL = READERS + FORGETFUL;

interface Mail {
  readonly to: string;
  readonly about: 'newsletter' | 'password';
}

// #region measure
/** Counts which mails begin to be sent first. */
class Measure {
  #begun = 0;
  #passwords = 0;
  #sent = 0;

  begin({ about }: Mail): void {
    this.#begun += 1;
    if (about !== 'password') return;
    this.#passwords += 1;
    if (this.#passwords === FORGETFUL)
      console.log(`the last of ${FORGETFUL} passwords was mail ${this.#begun} of ${ALL}`);
  }

  end(): void {
    this.#sent += 1;
    if (this.#sent === ALL) console.log(`all ${ALL} are sent`);
  }
}
// #endregion measure

// #region handler
@Controller()
class MailController {
  readonly #measure = new Measure();

  @MessagePattern('mail.send', { concurrency: 10 })
  async send(@Payload() mail: Mail): Promise<void> {
    this.#measure.begin(mail);
    await setTimeout(2); // stands for the work
    this.#measure.end();
  }
}
// #endregion handler

@Module({
  imports: [RedisQueueModule.register({ connection })],
  controllers: [MailController],
})
class MailModule {}

async function serve(): Promise<void> {
  const app = await NestFactory.createMicroservice(MailModule, {
    strategy: new RedisQueueServer({ connection }),
    logger: ['error', 'warn'],
  });
  app.enableShutdownHooks();
  await app.listen();
  console.log('mails are sent');
}

// #region write
/** The newsletter comes first. Then some of its readers want a new password. */
async function write(client: RedisQueueClient, hasPriorities: boolean): Promise<void> {
  const newsletter = Array.from({ length: READERS }, (_, index) => mailTo(index, 'newsletter'));
  const passwords = Array.from({ length: FORGETFUL }, (_, index) => mailTo(index, 'password'));

  await client.enqueueMany('mail.send', newsletter, hasPriorities ? { priority: 0 } : {});
  await client.enqueueMany('mail.send', passwords, hasPriorities ? { priority: 9 } : {});

  console.log(`${ALL} mails wait, the last ${FORGETFUL} of them with a new password`);
}
// #endregion write

function mailTo(reader: number, about: Mail['about']): Mail {
  return { to: `reader-${reader}@example.com`, about };
}

const [, , role = 'server'] = process.argv;
if (role === 'server') {
  await serve();
} else {
  const app = await NestFactory.createApplicationContext(MailModule, {
    logger: ['error', 'warn'],
  });
  await write(app.get(RedisQueueClient), role === 'write');
  await app.close();
}
