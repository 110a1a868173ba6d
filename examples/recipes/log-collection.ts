import 'reflect-metadata';
import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, Payload } from '@nestjs/microservices';
import {
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueModule,
  RedisQueueServer,
} from 'nestjs-redis-queue-transport';

const connection = process.env['REDIS_URL'];
const DAY_MS = 86_400_000;

interface LogLine {
  readonly number: number;
  readonly level: 'info' | 'error';
}

// #region archive
@Controller()
class ArchiveController {
  // Gets arrays: of a hundred lines, or of what has come within two seconds.
  @EventPattern<string>('log.line', { durable: true, batch: { size: 100, waitMs: 2_000 } })
  store(@Payload() lines: LogLine[]): void {
    // One insert in place of a hundred. If it throws, these lines come again.
    console.log(`archived lines ${lines[0]?.number} to ${lines.at(-1)?.number}`);
  }
}
// #endregion archive

// #region errors
@Controller()
class ErrorController {
  // Skips a line that it has already handled, since a line may come live and again by the replay.
  @EventPattern<string>('log.line', { durable: true, once: { windowMs: DAY_MS } })
  look(@Payload() line: LogLine): void {
    if (line.level === 'error') console.log(`an error in line ${line.number}`);
  }
}
// #endregion errors

// #region declare
@Module({
  imports: [
    RedisQueueModule.register({
      connection,
      declare: {
        'log.line': { groups: ['archive'], history: { maxLength: 100_000, maxAgeMs: 7 * DAY_MS } },
      },
    }),
  ],
})
class LogModule {}
// #endregion declare

@Module({ controllers: [ArchiveController] })
class ArchiveModule {}

@Module({ controllers: [ErrorController] })
class ErrorModule {}

async function serve(group: string, module: Type): Promise<void> {
  const app = await NestFactory.createMicroservice(module, {
    strategy: new RedisQueueServer({ connection, group }),
    logger: ['error', 'warn'],
  });
  app.enableShutdownHooks();
  await app.listen();
  console.log(`${group} listens`);
}

// #region ship
async function ship(client: RedisQueueClient, first: number, last: number): Promise<void> {
  const lines = Array.from({ length: last - first + 1 }, (_, index): LogLine => {
    const number = first + index;
    return { number, level: number % 50 === 0 ? 'error' : 'info' };
  });
  const emitted = await client.emitMany('log.line', lines);
  console.log(`${emitted.length} lines are held for ${emitted[0]?.groups} groups`);
}
// #endregion ship

// #region replay
async function replay(admin: RedisQueueAdmin): Promise<void> {
  await admin.declare('log.line', { groups: ['errors'] }); // gets its copies from now on
  const since = new Date(Date.now() - DAY_MS);
  const count = await admin.replay('log.line', 'errors', { from: since }); // and those of a day
  console.log(`${count} lines of the past wait for the group errors`);
}
// #endregion replay

const [, , role, first, last] = process.argv;
if (role === 'archive') await serve('archive', ArchiveModule);
else if (role === 'errors') await serve('errors', ErrorModule);
else {
  const app = await NestFactory.createApplicationContext(LogModule, { logger: ['error', 'warn'] });
  if (role === 'replay') await replay(app.get(RedisQueueAdmin));
  else await ship(app.get(RedisQueueClient), Number(first ?? 1), Number(last ?? 250));
  await app.close();
}
