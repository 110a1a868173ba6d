import type { RedisOptions } from 'ioredis';
import { Logger } from '@nestjs/common';
import { RedisQueueServer } from 'nestjs-redis-queue-transport';

/** A server with more queues than connections that block. It prints what its handlers get. */
const settings = JSON.parse(process.argv[2] ?? '') as {
  readonly url: string | RedisOptions;
  readonly prefix: string;
  readonly queues: readonly string[];
  readonly leaseMs: number;
};
Logger.overrideLogger(false);
const { url: connection, prefix, leaseMs, queues } = settings;
const server = new RedisQueueServer({ connection, prefix, leaseMs });
for (const queue of queues)
  server.addHandler(queue, (data: unknown) => {
    process.send?.({ queue, data });
    return Promise.resolve();
  });
process.on('disconnect', () => process.exit(1));
server.listen((error) => {
  if (error !== undefined) throw error as Error;
  process.send?.('ready');
});
