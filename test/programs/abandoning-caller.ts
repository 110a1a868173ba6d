import 'reflect-metadata';
import { RedisQueueClient } from 'nestjs-redis-queue-transport';

/** A caller of an endless stream that prints `heard` with the first value. */
const { URL: connection, PREFIX: prefix, PATTERN: pattern = '' } = process.env;
const client = new RedisQueueClient({ connection, prefix });
let isFirst = true;
client.send(pattern, {}).subscribe(() => {
  if (isFirst) process.stdout.write('"heard"\n');
  isFirst = false;
});
