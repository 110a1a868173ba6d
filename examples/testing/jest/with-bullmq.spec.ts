import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { startRedis } from 'local-redis';
import type { LocalRedis } from 'local-redis';

let redis: LocalRedis;
let open: { close(): Promise<void> }[];

beforeEach(async () => {
  redis = await startRedis();
  open = [];
});

afterEach(async () => {
  for (const each of open.reverse()) await each.close();
  await redis.stop();
});

test('a reserved order sends mail, as a test with BullMQ waits for it', async () => {
  const connection = { host: '127.0.0.1', port: redis.port };
  const mails: string[] = [];
  let attempts = 0;
  const mail = new Queue<{ id: string }>('mail', { connection });
  const orders = new Queue<{ id: string }>('orders', { connection });
  const ofOrders = new Worker<{ id: string }>(
    'orders',
    async ({ data }) => {
      attempts += 1;
      if (attempts === 1) throw new Error('the database is away');
      await mail.add('placed', data, { jobId: `mail-${data.id}` });
    },
    { connection },
  );
  const ofMail = new Worker<{ id: string }>('mail', async ({ data }) => void mails.push(data.id), {
    connection,
  });
  const events = new QueueEvents('orders', { connection });
  open.push(orders, mail, ofOrders, ofMail, events);
  await events.waitUntilReady();

  // #region wait
  // The retry takes its time, and each queue that follows has to be known and polled.
  const retry = { attempts: 2, backoff: { type: 'fixed', delay: 500 } };
  const job = await orders.add('place', { id: 'a' }, retry);
  await job.waitUntilFinished(events, 10_000);
  for (let state: unknown; state !== 'completed';) {
    state = await (await mail.getJob('mail-a'))?.getState();
    await pause(50);
  }
  expect(mails).toEqual(['a']);
  // #endregion wait
});
