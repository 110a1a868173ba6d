import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload, type MicroserviceOptions } from '@nestjs/microservices';
import {
  IncompleteError,
  RedisQueueBatchContext,
  RedisQueueClient,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';

interface LogLine {
  readonly text: string;
}

const connection = process.env['REDIS_URL'];

// #region handler
@Controller()
class LogController {
  @MessagePattern('log.line', { batch: { size: 100, waitMs: 50 } })
  async store(@Payload() lines: LogLine[], @Ctx() context: RedisQueueBatchContext): Promise<void> {
    const good = lines.filter((line, index) => {
      if (line.text !== '') return true;
      context.items[index]?.deadLetter('an empty line'); // this one alone
      return false;
    });
    await insertAll(good); // if it throws, all others are retried; if it returns, they are done
  }
}
// #endregion handler

// #region list
@Controller()
class ScriptController {
  @MessagePattern('script.said', { feedFrom: { list: 'nightly-scripts' } })
  hear(@Payload() said: unknown): void {
    console.log('a script said', said);
  }
}
// #endregion list

async function insertAll(lines: readonly LogLine[]): Promise<void> {
  await Promise.resolve();
  console.log(`${lines.length} lines stored with one insert`);
}

@Module({ controllers: [LogController, ScriptController] })
class AppModule {}

const client = new RedisQueueClient({ connection });

// #region many
async function sendAll(lines: readonly LogLine[]): Promise<void> {
  try {
    const held = await client.enqueueMany('log.line', lines);
    console.log(`${held.length} lines are held`);
  } catch (error) {
    if (!(error instanceof IncompleteError)) throw error; // nothing was sent
    for (const { index, error: why } of error.failures) console.error(lines[index], why);
  }
}
// #endregion many

const lines = Array.from({ length: 250 }, (_, n) => ({ text: n === 7 ? '' : `line ${n}` }));
await sendAll(lines);
const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
  strategy: new RedisQueueServer({ connection }),
  logger: ['fatal'],
});
app.enableShutdownHooks();
await app.listen();
await client.close();
