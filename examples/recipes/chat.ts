import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import {
  RedisQueueClient,
  RedisQueueContext,
  RedisQueueModule,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';

const connection = process.env['REDIS_URL'];
const [, , name = 'Ada', room = 'tea'] = process.argv;

interface Line {
  readonly from: string;
  readonly text: string;
}

// #region hear
@Controller()
class ChatController {
  // Every replica hears every room. The history is for those that are cut off for a while.
  @EventPattern<string>('chat.#', {
    history: { maxLength: 100, maxAgeMs: 3_600_000 },
    recover: { withinMs: 600_000 },
  })
  show(@Payload() line: Line, @Ctx() context: RedisQueueContext): void {
    const where = context.getPattern().slice('chat.'.length);
    console.log(`#${where} ${line.from}: ${line.text}`);
  }
}
// #endregion hear

@Module({
  imports: [RedisQueueModule.register({ connection })],
  controllers: [ChatController],
})
class ChatModule {}

// #region start
const server = new RedisQueueServer({ connection });
server.on('gap', ({ missed }) => console.log(`(${missed} lines are lost)`));

const app = await NestFactory.createMicroservice(ChatModule, {
  strategy: server,
  logger: ['error'],
});
app.enableShutdownHooks();
await app.listen();
console.log(`${name} is in`);
// #endregion start

// #region say
const client = app.get(RedisQueueClient);
for await (const text of createInterface({ input: process.stdin })) {
  await client.emit(`chat.${room}`, { from: name, text });
}
await app.close(); // at the end of what was typed
// #endregion say
