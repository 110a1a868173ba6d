import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueContext, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { ConsumerProcess } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { LEASE_MS, SHORT_LEASE, wireRig } from './wire-rig.js';

const rig = wireRig();

const QUEUE = 'mail.send';

function noting(seen: unknown[]): Type {
  @Controller()
  class NotingController {
    @MessagePattern(QUEUE)
    send(@Payload() data: unknown, @Ctx() context: RedisQueueContext): void {
      seen.push({ id: context.getMessageId(), attempt: context.getAttempt(), data });
    }
  }
  return NotingController;
}

async function enqueue(id: string, data: object): Promise<void> {
  const mail = { to: `${id}@example.com`, ...data };
  const record = new RedisQueueRecordBuilder(mail).id(id).build();
  await lastValueFrom(rig.nest.client().enqueue(QUEUE, record));
}

/** One of our consumers as a process that can be killed. */
async function startOurs(): Promise<ConsumerProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'wire-'));
  rig.nest.closeLater({ close: () => rm(folder, { recursive: true }) });
  const started = await ConsumerProcess.start({
    url: rig.nest.redis.url,
    prefix: rig.nest.prefix,
    queue: QUEUE,
    journal: join(folder, 'journal'),
    leaseMs: LEASE_MS,
  });
  return rig.nest.closeLater(started);
}

describe('a Python consumer', () => {
  test('killed with a message loses it to our server', async () => {
    const consumer = await rig.consume(QUEUE, ...SHORT_LEASE);
    await enqueue('a', { seconds: 600 });
    await consumer.prints('mail');
    await enqueue('b', {});
    await consumer.kill();
    const seen: unknown[] = [];

    await rig.nest.serve({ controllers: [noting(seen)] }, { leaseMs: LEASE_MS });

    await eventually(() =>
      expect(seen).toEqual([
        { id: 'b', attempt: 1, data: { to: 'b@example.com' } },
        { id: 'a', attempt: 2, data: { to: 'a@example.com', seconds: 600 } },
      ]),
    );
    await eventually(async () =>
      expect(await rig.admin().lengths(QUEUE)).toMatchObject({ waiting: 0, processing: 0 }),
    );
  });

  test('takes over, in order, what our killed server held', async () => {
    const ours = await startOurs();
    for (const id of ['a', 'b', 'c']) await enqueue(id, { id, holds: true });
    await eventually(() => expect(ours.journal).toHaveLength(3));
    const consumer = await rig.consume(QUEUE, ...SHORT_LEASE);

    ours.signal('SIGKILL');
    await ours.ended();

    await eventually(() =>
      expect(consumer.all('mail')).toMatchObject([
        { id: 'a', attempt: 2 },
        { id: 'b', attempt: 2 },
        { id: 'c', attempt: 2 },
      ]),
    );
    // A different thread prints this line.
    await eventually(() => expect(consumer.all('reclaimed')).toMatchObject([{ deliveries: 3 }]));
    await eventually(async () =>
      expect(await rig.admin().lengths(QUEUE)).toMatchObject({ processing: 0, consumers: 1 }),
    );
    // What a late command of the dead consumer takes comes back unchanged.
    const base = `${rig.nest.prefix}:{${QUEUE}}`;
    const [fenced = ''] = await rig.nest.commands.zrange(`${base}:fenced`, 0, '-1');
    const late = JSON.stringify({ to: 'late@example.com' });
    await rig.nest.commands.rpush(`${base}:processing:${fenced}`, late);
    await eventually(() =>
      expect(consumer.all('mail').at(-1)).toEqual({ attempt: 1, to: 'late@example.com' }),
    );
  });

  test('dead-letters a message that was alone in three processes that died', async () => {
    await enqueue('guilty', { seconds: 600 });
    for (const attempt of [1, 2, 3]) {
      const consumer = await rig.consume(QUEUE, ...SHORT_LEASE);
      expect(await consumer.prints('mail ')).toMatchObject({ attempt });
      await consumer.kill();
    }

    const last = await rig.consume(QUEUE, ...SHORT_LEASE);

    expect(await last.prints('dead-lettered ')).toEqual({ reason: 'crashed' });
    expect(last.all('mail')).toEqual([]);
    const { letters } = await rig.admin().deadLetters(QUEUE);
    expect(letters).toMatchObject([{ id: 'guilty', reason: 'crashed', attempt: 4 }]);
  });

  test('that was frozen past its lease learns that it lost it, and settles nothing', async () => {
    const frozen = await rig.consume(QUEUE, ...SHORT_LEASE);
    await enqueue('a', { seconds: 2 });
    await frozen.prints('mail');
    frozen.signal('SIGSTOP');
    const seen: unknown[] = [];
    await rig.nest.serve({ controllers: [noting(seen)] }, { leaseMs: LEASE_MS });
    await eventually(() => expect(seen).toMatchObject([{ id: 'a', attempt: 2 }]));

    frozen.signal('SIGCONT');

    await frozen.prints('lost');
    await eventually(() => expect(frozen.all('joined')).toHaveLength(2));
    expect(await rig.admin().lengths(QUEUE)).toMatchObject({
      waiting: 0,
      processing: 0,
      delayed: 0,
      dead: 0,
      consumers: 2,
    });
    expect(seen).toHaveLength(1);
  });

  test('keeps its lease while its handler is busy for longer', async () => {
    const busy = await rig.consume(QUEUE, '--lease', '2000');
    const other = await rig.consume(QUEUE, '--lease', '2000');
    await enqueue('a', { seconds: 5 });

    const settled = async (): Promise<void> => {
      expect([...busy.all('mail'), ...other.all('mail')]).toHaveLength(1);
      expect(await rig.admin().lengths(QUEUE)).toMatchObject({ waiting: 0, processing: 0 });
    };
    await eventually(settled, 20_000);
    expect([...busy.all('reclaimed'), ...other.all('reclaimed')]).toEqual([]);
  });

  test('goes on after its connections were cut and the scripts flushed', async () => {
    const consumer = await rig.consume(QUEUE, ...SHORT_LEASE);
    await enqueue('a', {});
    await consumer.prints('mail');
    await rig.nest.commands.script('FLUSH');
    await rig.nest.commands.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');

    await enqueue('b', {});

    await eventually(() =>
      expect(consumer.all('mail')).toMatchObject([
        { to: 'a@example.com' },
        { to: 'b@example.com' },
      ]),
    );
  });
});
