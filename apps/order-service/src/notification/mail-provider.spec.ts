import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { redisUrl, type RedisUrl } from 'local-redis';
import { OrderConfig } from '../config/order-config.js';
import type { Email } from './email.js';
import { MailProvider } from './mail-provider.js';

let server: RedisUrl;
let redis: Redis;
let prefix: string;

beforeEach(async () => {
  prefix = `mail-spec-${randomUUID()}`;
  server = await redisUrl();
  redis = new Redis(server.url);
});

afterEach(async () => {
  await redis.del(await redis.keys(`${prefix}:*`));
  redis.disconnect();
  await server.stop();
});

test('an e-mail goes out once for each key, from any instance and any number of calls', async () => {
  const config = new OrderConfig(server.url, { DATA_PREFIX: prefix });
  const providers = [new MailProvider(redis, config), new MailProvider(redis, config)];
  const emailAbout = (orderId: string): Email => ({
    orderId,
    outcome: 'confirmed',
    to: 'a@b.example',
    subject: 's',
    text: 'Dear "山田",\n',
  });
  const asked = ['a', 'b', 'a', 'b', 'a'].flatMap((id) =>
    providers.map((provider) => provider.send(emailAbout(id), id)),
  );
  await Promise.all(asked);
  const sent = await redis.lrange(`${prefix}:{mail}:sent`, 0, -1);
  expect(sent.map((email) => JSON.parse(email) as Email)).toEqual([
    emailAbout('a'),
    emailAbout('b'),
  ]);
});
