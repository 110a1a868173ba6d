import { describe, expect, jest, test } from '@jest/globals';
import { expectTrueCounts } from '../contract/counted-keys.js';
import type { TestMessage } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { FaultStage } from './fault-stage.js';
import { disorder } from './disorder.js';

const rig = redisRig();

jest.setTimeout(90_000);

/** How long a handler works, also one that fails. */
const WORK_MS = 8;
const RETRY = { attempts: 5, backoff: 'fixed', delayMs: 150 } as const;

function messagesOf(keys: number, each: number): TestMessage[] {
  return Array.from({ length: keys * each }, (_, index) => {
    const key = `k${index % keys}`;
    const place = Math.floor(index / keys) + 1;
    return {
      id: `${key}-${place}`,
      key,
      workMs: WORK_MS,
      failsFirst: (index * 7) % 5 === 0,
      isUseless: index % 23 === 11,
    };
  });
}

describe('messages with keys, in several processes', () => {
  test('keep their order through retries, dead letters, a poisoned message and kill -9', async () => {
    const KEYS = 8;
    const EACH = 20;
    const stage = await FaultStage.open(rig);
    const start = () => stage.startConsumer({ concurrency: 5, maxCrashes: 2, retry: RETRY });
    const victim = await start();
    await start();
    await start();
    const messages = messagesOf(KEYS, EACH);
    const poison = { id: 'p-1', key: 'p', kills: true };
    const behind = [2, 3].map((place) => ({ id: `p-${place}`, key: 'p', workMs: 5 }));
    await stage.send(...messages.slice(0, 60));
    await eventually(() => expect(stage.ledger.idsOf('end').length).toBeGreaterThan(15));
    await victim.kill();
    await stage.send(...messages.slice(60), poison, ...behind);
    // It takes two processes with it.
    await start();
    await start();
    await stage.untilAllHome(60_000);
    const killed = new Set(
      stage.processes.flatMap((each) => (each.hasEnded ? each.journal.map(({ pid }) => pid) : [])),
    );
    expect(disorder(stage.entries(), WORK_MS, killed)).toEqual([]);
    const ends = stage.ledger.idsOf('end');
    expect(ends.filter((id) => id.startsWith('p-'))).toEqual(['p-2', 'p-3']);
    // Each attempt beyond the first counts as one.
    await stage.balance(messages.length);
    const dump = await stage.dump();
    expectTrueCounts(dump);
    expect([dump.lanes.size, dump.out.size]).toEqual([0, 0]);
  });

  test('a key that is blocked for long holds up nobody else', async () => {
    const stage = await FaultStage.open(rig);
    const consumers = [await stage.startConsumer({ concurrency: 4 })];
    consumers.push(await stage.startConsumer({ concurrency: 4 }));
    await stage.send({ id: 'slow-1', key: 'slow', holds: true }, { id: 'slow-2', key: 'slow' });
    await eventually(() => expect(stage.ledger.idsOf('start')).toContain('slow-1'));
    const others = messagesOf(100, 5).map(({ id, key = '' }) => ({ id, key, workMs: 1 }));
    await stage.send(...others);
    await eventually(() => expect(stage.ledger.idsOf('end')).toHaveLength(500), 30_000);
    expect(stage.ledger.idsOf('start')).not.toContain('slow-2');
    expect(disorder(stage.entries(), WORK_MS)).toEqual([]);
    for (const consumer of consumers) consumer.letGo();
    await stage.untilAllHome();
    expect(stage.ledger.idsOf('end').slice(-2)).toEqual(['slow-1', 'slow-2']);
    await stage.balance(0);
  });
});
