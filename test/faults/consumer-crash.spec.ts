import { describe, expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { FaultStage, LEASE_MS, RECLAIM_EVERY_MS, SLACK_MS } from './fault-stage.js';
import { Stopwatch } from '../support/stopwatch.js';

const rig = redisRig();

jest.setTimeout(timeFor(4, 60_000));

describe('SIGKILL of a consumer process in the middle of a batch', () => {
  test(`loses nothing, and what it held is taken back in time, round after round (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const concurrency = 8;
    const kills = rounds(4);
    const stage = await FaultStage.open(rig);
    // There are many rounds, and a message that is hit in each of them is not to blame.
    const options = { concurrency, maxCrashes: 1_000 };
    let victim = await stage.startConsumer(options);
    let survivor = await stage.startConsumer(options);
    let sent = 0;
    for (let round = 0; round < kills; round += 1) {
      const messages = Array.from({ length: 60 }, () => ({
        id: `m${(sent += 1)}`,
        workMs: Math.floor(random() * 30),
      }));
      const sending = stage.send(...messages);
      const before = stage.entries().length;
      const many = 1 + Math.floor(random() * 60);
      await eventually(() => expect(stage.entries().length).toBeGreaterThan(before + many));
      await victim.kill();
      const watch = Stopwatch.start();
      await sending;

      await eventually(async () => {
        // From now on, only the survivor holds anything.
        expect((await stage.dump()).processing.size).toBeLessThanOrEqual(1);
        expect(await rig.commands.zcard(`${rig.prefix}:{work}:consumers`)).toBe(1);
      });
      watch.expectAtMost(LEASE_MS + RECLAIM_EVERY_MS + SLACK_MS);
      [victim, survivor] = [survivor, await stage.startConsumer(options)];
    }
    await stage.untilAllHome();
    const account = await stage.balance(kills * concurrency);
    expect(account).toMatchObject({ handled: sent, dead: [] });
  });

  test('loses nothing even if it was the only consumer, and a new one comes later', async () => {
    const stage = await FaultStage.open(rig);
    const consumer = await stage.startConsumer({ concurrency: 5 });
    const messages = Array.from({ length: 20 }, (_, index) => ({
      id: `m${index}`,
      holds: index < 5,
    }));
    await stage.send(...messages);
    await eventually(() => expect(consumer.journal).toHaveLength(5));
    await consumer.kill();
    const next = await stage.startConsumer({ concurrency: 5 });
    // Messages that were not in flight come first. Those that were come back one at a time.
    await eventually(() => {
      next.letGo();
      expect(stage.ledger.idsOf('end')).toHaveLength(20);
    });
    await stage.untilAllHome();
    await stage.balance(5);
  }, 30_000);
});

describe('a message that kills its process each time', () => {
  test('is the only one dead-lettered, after maxCrashes, among 100 good ones in flight', async () => {
    const stage = await FaultStage.open(rig);
    const maxCrashes = 3;
    const options = { concurrency: 120, maxCrashes };
    const good = Array.from({ length: 100 }, (_, index) => ({ id: `good${index}`, workMs: 40 }));
    await stage.send(...good.slice(0, 50), { id: 'bad', kills: true }, ...good.slice(50));

    let processes = 0;
    for (let hasDied = true; hasDied && processes <= maxCrashes; processes += 1) {
      const consumer = await stage.startConsumer(options);
      hasDied = await eventually(async () => {
        const isAllHome = stage.ledger.isAllHome(await stage.dump());
        expect(consumer.hasEnded || isAllHome).toBe(true);
        return consumer.hasEnded;
      });
    }
    await stage.untilAllHome();

    expect(processes).toBe(maxCrashes + 1);
    const account = await stage.balance(maxCrashes * 101);
    expect(account).toMatchObject({ dead: ['bad'], handled: 100 });
    expect((await stage.dump()).dead.map(String)).toEqual([
      expect.stringContaining('"reason":"crashed"'),
    ]);
  }, 60_000);
});
