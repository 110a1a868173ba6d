import { describe, expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { FaultStage, LEASE_MS } from './fault-stage.js';

const rig = redisRig();

jest.setTimeout(60_000);

function numbered(count: number, terms: { readonly workMs?: number } = {}, from = 0) {
  return Array.from({ length: count }, (_, index) => ({ id: `m${from + index}`, ...terms }));
}

function ended(stage: FaultStage): number {
  return stage.ledger.idsOf('end').length;
}

describe('a message that was running when its process died', () => {
  test('does not keep a consumer from the other messages, even if one of its handlers hangs', async () => {
    const stage = await FaultStage.open(rig);
    const victim = await stage.startConsumer({ concurrency: 1 });
    await stage.send({ id: 'held', holds: true });
    await eventually(() => expect(victim.journal).toHaveLength(1));
    const consumer = await stage.startConsumer({ concurrency: 100 });
    await stage.send({ id: 'hangs', holds: true });
    await eventually(() => expect(consumer.journal).toHaveLength(1));
    await victim.kill();
    await eventually(async () => {
      expect((await stage.dump()).processing.size).toBe(1);
    }, 5 * LEASE_MS);

    await stage.send(...numbered(200));
    await eventually(() => expect(ended(stage)).toBeGreaterThanOrEqual(200), 20_000);
    expect((await consumer.health()).status).toBe('up');
    consumer.letGo();
    await eventually(() => {
      consumer.letGo();
      expect(stage.ledger.idsOf('end')).toEqual(expect.arrayContaining(['hangs', 'held']));
    }, 20_000);
    await stage.untilAllHome();
    await stage.balance(2);
  });

  test('and hangs when it runs again does not keep a consumer from the other messages, and is handed on at a stop', async () => {
    const stage = await FaultStage.open(rig);
    const victim = await stage.startConsumer({ concurrency: 10 });
    await stage.send({ id: 'hangs', holds: true });
    await eventually(() => expect(victim.journal).toHaveLength(1));
    await victim.kill();
    for (let round = 1; round <= 2; round += 1) {
      const consumer = await stage.startConsumer({ concurrency: 10, shutdownTimeoutMs: 500 });
      await eventually(
        () => expect(consumer.journal.map(({ id }) => id)).toContain('hangs'),
        15_000,
      );
      await stage.send(...numbered(20, {}, 20 * round));
      await eventually(() => expect(ended(stage)).toBe(20 * round), 15_000);
      consumer.signal('SIGTERM');
      await consumer.ended();
    }
    const { suspects } = await stage.dump();
    expect(suspects.map(String)).toEqual([expect.stringContaining('{"rq":1,"crashes":1,')]);
    const last = await stage.startConsumer({ concurrency: 10 });
    await eventually(() => expect(last.journal).toHaveLength(1), 15_000);
    last.letGo();
    await stage.untilAllHome();
    await stage.balance(3);
  });

  test('takes no more than one consumer from the queue while it runs alone', async () => {
    const stage = await FaultStage.open(rig);
    const options = { concurrency: 4 };
    const [one, other, victim] = [
      await stage.startConsumer(options),
      await stage.startConsumer(options),
      await stage.startConsumer(options),
    ];
    let sent = 0;
    const flow = setInterval(() => {
      void stage.send(...numbered(8, { workMs: 100 }, sent));
      sent += 8;
    }, 200);
    try {
      await eventually(() => expect(victim.journal.length).toBeGreaterThan(8));
      await victim.kill();
      // From its death until everything that it held has run again, messages keep ending.
      let before = ended(stage);
      for (let second = 0; second < 8; second += 1) {
        await eventually(() => expect(ended(stage)).toBeGreaterThanOrEqual(before + 8), 5_000);
        before = ended(stage);
      }
      await eventually(async () => {
        const { suspects, processing } = await stage.dump();
        expect([suspects.length, processing.size <= 2]).toEqual([0, true]);
      }, 20_000);
    } finally {
      clearInterval(flow);
    }
    await stage.untilAllHome(30_000);
    await stage.balance(4);
    expect([one.hasEnded, other.hasEnded]).toEqual([false, false]);
  });
});
