import { describe, expect, jest, test } from '@jest/globals';
import { expectTrueCounts } from '../contract/counted-keys.js';
import { eventually } from '../support/eventually.js';
import { heldIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { FaultStage } from './fault-stage.js';
import { mostAtOnce } from './most-at-once.js';

const rig = redisRig();

jest.setTimeout(60_000);

function messages(count: number, workMs: number): { id: string; workMs: number }[] {
  return Array.from({ length: count }, (_, index) => ({ id: `m${index}`, workMs }));
}

describe('a limit of what runs, in several processes', () => {
  test('holds while one of them is killed, and frees its places when its lease has ended', async () => {
    const RUNNING = 4;
    const stage = await FaultStage.open(rig);
    const limited = { limit: { running: RUNNING } };
    const start = () => stage.startConsumer({ concurrency: 10, maxCrashes: 9 }, undefined, limited);
    const victim = await start();
    await stage.send(...[0, 1, 2].map((number) => ({ id: `held ${number}`, holds: true })));
    await eventually(() => expect(victim.journal).toHaveLength(3));
    const others = [await start(), await start()];
    await victim.kill();
    await stage.send(...messages(40, 20));
    // One place is left; three come back with the lease of the dead process.
    await eventually(() => {
      const { length } = stage
        .entries()
        .filter(({ event, id }) => event === 'end' && id.startsWith('m'));
      expect(length).toBeGreaterThan(2);
    });
    await eventually(() => {
      for (const other of others) other.letGo();
      expect(stage.ledger.idsOf('end')).toHaveLength(43);
    }, 30_000);
    await stage.untilAllHome();
    const free = new Map([[victim.pid, -Infinity]]);
    expect(mostAtOnce(stage.entries(), free)).toBeLessThanOrEqual(RUNNING);
    await stage.balance(3);
  });

  test('is used in full, and never exceeded', async () => {
    const RUNNING = 6;
    const stage = await FaultStage.open(rig);
    const limited = { limit: { running: RUNNING } };
    for (let process = 0; process < 3; process += 1)
      await stage.startConsumer({ concurrency: 4 }, undefined, limited);
    const sending = stage.send(...messages(200, 15));
    let mostHeld = 0;
    await eventually(async () => {
      mostHeld = Math.max(mostHeld, heldIn(await stage.dump()));
      expect(stage.ledger.idsOf('end')).toHaveLength(200);
    }, 30_000);
    await sending;
    await stage.untilAllHome();
    expect(mostAtOnce(stage.entries(), new Map())).toBe(RUNNING);
    // A message that was waited for is in a list while Redis is asked whether it may start.
    expect(mostHeld).toBeLessThanOrEqual(RUNNING + 3);
  });
});

describe('a limit of what starts in a time, in several processes', () => {
  test('is met, and not exceeded in any second', async () => {
    const RATE = 50;
    const COUNT = 200;
    const stage = await FaultStage.open(rig);
    const limited = { limit: { rate: RATE } };
    for (let process = 0; process < 3; process += 1)
      await stage.startConsumer({ concurrency: 10 }, undefined, limited);
    await stage.send(...messages(COUNT, 5));
    await eventually(() => expect(stage.ledger.idsOf('end')).toHaveLength(COUNT), 30_000);
    await stage.untilAllHome();
    const starts = stage
      .entries()
      .filter(({ event }) => event === 'start')
      .map(({ atMs }) => atMs)
      .sort((one, other) => one - other);
    const tookMs = starts.at(-1)! - starts[0]!;
    // A tenth starts at once.
    const leastMs = ((COUNT - RATE / 10) / RATE) * 1_000;
    expect(tookMs).toBeGreaterThan(leastMs * 0.98);
    expect(tookMs).toBeLessThan(leastMs * 1.1);
    // Handlers start a little later than their messages are taken, some later than others.
    const inAnySecond = starts.map(
      (from) => starts.filter((at) => at >= from && at < from + 1_000).length,
    );
    expect(Math.max(...inAnySecond)).toBeLessThanOrEqual(RATE * 1.2);
  });
});

describe('a limit of what starts of each key in a time, in several processes', () => {
  test('holds through kill -9, and leaves nothing behind', async () => {
    const RATE = 10;
    const stage = await FaultStage.open(rig);
    const start = () =>
      stage.startConsumer({ concurrency: 10, maxCrashes: 9 }, undefined, {
        perKey: { rate: RATE },
      });
    const victim = await start();
    await start();
    await start();
    const keys = ['a', 'b', 'c'];
    const sent = Array.from({ length: 60 }, (_, index) => {
      const key = keys[index % keys.length]!;
      return { id: `${key}-${index}`, key, workMs: 5 };
    });
    await stage.send(...sent);
    await eventually(() => expect(victim.journal.length).toBeGreaterThan(2));
    await victim.kill();
    await eventually(
      () => expect(stage.ledger.idsOf('end').length).toBeGreaterThanOrEqual(60),
      45_000,
    );
    await stage.untilAllHome();
    for (const key of keys) {
      const first = new Map<string, number>();
      for (const { event, id, atMs } of stage.entries())
        if (event === 'start' && id.startsWith(key))
          first.set(id, Math.min(atMs, first.get(id) ?? Infinity));
      const starts = [...first.values()].sort((one, other) => one - other);
      expect(starts).toHaveLength(20);
      // None is let go before its time, so all of them take at least as long as their intervals.
      expect(starts.at(-1)! - starts[0]!).toBeGreaterThan((19 / RATE) * 1_000 * 0.9);
    }
    await stage.balance(keys.length);
    await eventually(async () => {
      const dump = await stage.dump();
      expectTrueCounts(dump);
      expect([dump.lanes.size, dump.out.size, dump.resting.size]).toEqual([0, 0, 0]);
    });
  });
});
