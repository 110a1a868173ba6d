import { describe, expect, jest, test } from '@jest/globals';
import {
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueRecordBuilder,
  RedisRefusedError,
} from 'nestjs-redis-queue-transport';
import type { EnqueueResult } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import type { TestMessage } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { heldIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { FaultStage } from './fault-stage.js';

const rig = redisRig({ settings: { 'maxmemory-policy': 'noeviction' } });

const FILLS = 3;
jest.setTimeout(timeFor(FILLS, 60_000));

const ROOM_BYTES = 4_000_000;
/** Short enough not to be compressed. */
const FILLER = 'x'.repeat(30_000);
/** More than the consumer can handle meanwhile, no matter how slowly a busy machine lets this process send. */
const BATCH = 50;
/** How many calls meet a full Redis while consumers make room. */
const REFUSED = 20;
/** Half of the room. */
const LEAST_HELD = ROOM_BYTES / FILLER.length / 2;
/** Many more than can be sent before this many are refused. */
const MOST_SENT = 500;
const CONSUMER = { concurrency: 4, retry: { attempts: 3, delayMs: 20 } } as const;

async function setMaxMemory(bytes: number): Promise<void> {
  await rig.commands.config('SET', 'maxmemory', String(bytes));
}

async function usedMemory(): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await rig.commands.info('memory'))?.[1]);
}

function isFull(): unknown {
  return expect.objectContaining({ code: 'REDIS_REFUSED', reply: 'OOM' });
}

describe('a Redis that is full (noeviction)', () => {
  test(`refuses what it does not hold, and has room again once consumers have drained it, time after time (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const stage = await FaultStage.open(rig);
    rig.closeLater({ close: () => setMaxMemory(0) });
    await stage.startConsumer(CONSUMER);
    let sent = 0;
    const kinds = { failsFirst: 0, isUseless: 0 };
    const next = (): TestMessage => {
      const id = `m${(sent += 1)}`;
      const kind = random();
      // Small, since dead letters stay.
      if (kind < 0.1) return { id, isUseless: true };
      const message = { id, filler: FILLER, workMs: 10 + random() * 30 };
      return kind < 0.3 ? { ...message, failsFirst: true } : message;
    };
    const fills = rounds(FILLS);
    for (let fill = 0; fill < fills; fill += 1) {
      await setMaxMemory((await usedMemory()) + ROOM_BYTES);
      const last = sent + MOST_SENT;
      for (let refused = 0; refused < REFUSED;) {
        const batch = Array.from({ length: BATCH }, next);
        const results = await stage.send(...batch);
        refused += results.filter((result) => result === 'rejected').length;
        for (const kind of ['failsFirst', 'isUseless'] as const) {
          kinds[kind] += batch.filter(
            (message, index) => message[kind] === true && results[index] === 'confirmed',
          ).length;
        }
        expect(sent).toBeLessThan(last);
      }
      await stage.untilAllHome();
      expect(await stage.send({ id: `after${fill}` })).toEqual(['confirmed']);
    }
    await stage.untilAllHome();
    for (const failure of stage.ledger.failures) {
      expect(failure).toBeInstanceOf(RedisRefusedError);
      expect(failure).toEqual(isFull());
    }
    const account = await stage.balance(kinds.failsFirst);
    expect(account.duplicates).toBe(kinds.failsFirst);
    expect(account.dead).toHaveLength(kinds.isUseless);
    expect(account.handled).toBeGreaterThan(fills * LEAST_HELD);
  });

  test('and stays full no matter how much is freed lets consumers join, settle, retry, park, reply and leave', async () => {
    const stage = await FaultStage.open(rig);
    rig.closeLater({ close: () => setMaxMemory(0) });
    const options = { connection: rig.connection, prefix: rig.prefix };
    const admin = rig.closeLater(new RedisQueueAdmin(options));
    const patient = rig.closeLater(new RedisQueueClient({ ...options, requestTimeoutMs: 30_000 }));
    const first = await stage.startConsumer(CONSUMER);
    await admin.pause(stage.queue);
    const messages = Array.from({ length: 100 }, (_, index) => ({
      id: `m${String(index).padStart(2, '0')}`,
      failsFirst: index % 10 === 3,
      isUseless: index % 10 === 7,
    }));
    await stage.send(...messages);
    const answer = stage.ask({ id: 'asked' }, patient);
    await eventually(async () => expect((await stage.dump()).waiting).toHaveLength(101));

    // Less than any Redis uses.
    await setMaxMemory(1);
    const refused = ['refused1', 'refused2', 'refused3'];
    expect(await stage.send(...refused.map((id) => ({ id })))).toEqual(
      refused.map(() => 'rejected'),
    );
    const enqueue = (id: string): Promise<EnqueueResult> => {
      const record = new RedisQueueRecordBuilder({ id }).id(id).delay(10).deduplicate(60_000);
      return lastValueFrom(stage.client.enqueue(stage.queue, record.build()));
    };
    expect(await stage.ledger.send('refused4', () => enqueue('refused4'))).toBe('rejected');
    await expect(stage.ask({ id: 'refused5' })).rejects.toBeInstanceOf(RedisRefusedError);
    expect(stage.ledger.failures).toEqual(Array(5).fill(isFull()));

    const second = await stage.startConsumer(CONSUMER);
    await first.close();
    await admin.resume(stage.queue);
    expect(await answer).toBe('asked');
    await stage.untilAllHome();
    await second.close();
    const dump = await stage.dump();
    expect([dump.waiting.length, dump.delayed.length, heldIn(dump)]).toEqual([0, 0, 0]);
    const account = await stage.balance(10);
    expect(account).toMatchObject({ handled: 91, duplicates: 10 });
    const ends = second.journal.filter(({ event }) => event === 'end');
    for (const { id, attempt } of ends) expect(attempt).toBe(id.endsWith('3') ? 2 : 1);
    expect([...account.dead].sort()).toEqual(
      messages.filter(({ isUseless }) => isUseless).map(({ id }) => id),
    );

    // What was refused has left nothing behind that keeps it from being sent again.
    await setMaxMemory(0);
    await stage.startConsumer(CONSUMER);
    expect(await enqueue('refused4')).toEqual({ id: 'refused4', isDuplicate: false });
    stage.ledger.confirm('refused4');
    expect(await stage.ask({ id: 'refused5' })).toBe('refused5');
    await stage.untilAllHome();
    await stage.balance(10);
  });
});
