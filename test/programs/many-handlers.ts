import type { RedisOptions } from 'ioredis';
import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { RedisQueueServer } from 'nestjs-redis-queue-transport';

/** A server that starts when it is told to. It sends how its start ended. */
const settings = JSON.parse(process.argv[2] ?? '') as {
  readonly url: string | RedisOptions;
  readonly prefix: string;
  readonly handlers: number;
};
Logger.overrideLogger(false);
const server = new RedisQueueServer({
  connection: settings.url,
  prefix: settings.prefix,
  connectTimeoutMs: 1_000,
});
for (let index = 0; index < settings.handlers; index += 1)
  server.addHandler(`pattern${index}`, () => Promise.resolve());
process.on('disconnect', () => process.exit(1));
process.on('message', () =>
  server.listen((error) => {
    process.send?.({ started: error === undefined, message: String(error) });
  }),
);
process.send?.('ready');
