import { describe, expect, jest, test } from '@jest/globals';
import type { TestMessage } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { idsOf } from '../support/ledger.js';
import { queueKey } from '../support/queue-dump.js';
import { Proxy } from '../support/proxy.js';
import type { Match } from '../support/proxy.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { isBodyRead, isSettling, isRenewal } from './commands.js';
import { FaultStage } from './fault-stage.js';

const rig = redisRig({ settings: { appendonly: 'yes', appendfsync: 'always' } });

jest.setTimeout(timeFor(2, 60_000));

/** Larger than what the clients of these tests send inside the message. */
const FILLER = 'x'.repeat(5_000);
const PARKING = { parkAboveBytes: 1_000, compressAboveBytes: false } as const;

const CONSUMER = { concurrency: 5, retry: { attempts: 3, delayMs: 20 } } as const;

const open = (): Promise<FaultStage> => FaultStage.open(rig, rig.connection, PARKING);

function parked(id: string, more: Partial<TestMessage> = {}): TestMessage {
  return { id, filler: FILLER, ...more };
}

/** Expects that each was handled, that its body is gone with it, and that there was one. */
async function expectNothingLeft(
  stage: FaultStage,
  bodies: number,
  mostDuplicates = 1,
): Promise<void> {
  await stage.untilAllHome();
  const { dead } = await stage.balance(mostDuplicates);
  expect(dead).toEqual([]);
  await eventually(async () =>
    expect(await rig.commands.zcard(queueKey(rig.prefix, stage.queue, 'consumers'))).toBe(
      stage.processes.filter(({ hasEnded }) => !hasEnded).length,
    ),
  );
  const dump = await stage.dump();
  expect([dump.parkedEver, dump.parked]).toEqual([bodies, []]);
}

describe('a consumer that is killed with a parked message', () => {
  test.each<[string, Match, 'holdRequest' | 'holdReply']>([
    ['before it has the body', isBodyRead, 'holdReply'],
    ['before its settling reaches Redis', isSettling, 'holdRequest'],
    ['after its settling, before it knows', isSettling, 'holdReply'],
  ])('%s leaves it whole to another one, and no body without a message', async (_, match, how) => {
    const stage = await open();
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const first = await stage.startConsumer({}, proxy.url);
    const frame = proxy[how](match);
    await stage.send(parked('m'));
    await frame.happened;
    await first.kill();
    await stage.startConsumer();
    await expectNothingLeft(stage, 1);
  });

  test('while its handler runs leaves it whole to another one, and no body without a message', async () => {
    const stage = await open();
    const first = await stage.startConsumer();
    await stage.send(parked('a', { holds: true }), parked('b'));
    await eventually(() => expect(idsOf(first.journal, 'start')).toContain('a'));
    await first.kill();
    const second = await stage.startConsumer();
    await eventually(() => expect(idsOf(second.journal, 'start')).toContain('a'));
    second.letGo();
    // The other one may have ended, but not have been settled yet.
    await expectNothingLeft(stage, 2, 2);
  });
});

describe('a consumer that asks for a body after it lost its lease', () => {
  test('neither runs the message nor takes its missing body for a loss', async () => {
    const stage = await open();
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const late = await stage.startConsumer({}, proxy.url);
    const frame = proxy.holdRequest(isBodyRead);
    await stage.send(parked('m'));
    await frame.happened;
    const renewal = proxy.holdRequest(isRenewal);
    const second = await stage.startConsumer();
    await eventually(() => expect(idsOf(second.journal, 'end')).toEqual(['m']));
    await eventually(async () => expect((await stage.dump()).parked).toEqual([]));
    frame.release();
    renewal.release();

    await stage.send({ id: 'after' });
    await eventually(() => expect(late.output).toContain('Lost the lease'));
    await expectNothingLeft(stage, 1);
    expect(late.output).not.toContain('Dead-lettered');
    expect(idsOf(late.journal, 'start')).not.toContain('m');
  });
});

describe('kill -9 of Redis (appendfsync always)', () => {
  test(`loses no parked body, and leaves none without its message (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const stage = await open();
    rig.mayRemain(/}[^:]*:parked$/);
    await Promise.all([stage.startConsumer(CONSUMER), stage.startConsumer(CONSUMER)]);
    let sent = 0;
    const next = (): TestMessage => {
      const id = `m${(sent += 1)}`;
      const kind = random();
      const more = { isUseless: kind < 0.1, failsFirst: kind > 0.8, workMs: random() * 5 };
      return random() < 0.5 ? parked(id, more) : { id, ...more };
    };
    for (let kill = 0; kill < rounds(2); kill += 1) {
      const before = stage.entries().length;
      let isSending = true;
      const sending = (async () => {
        while (isSending) await stage.send(next(), next(), next());
      })();
      const many = 20 + Math.floor(random() * 60);
      await eventually(() => expect(stage.entries().length).toBeGreaterThan(before + many));
      await rig.redis.kill();
      isSending = false;
      await rig.redis.restart();
      await sending;
    }
    await stage.untilAllHome();
    // The books check that only dead letters have parked bodies, and that these are theirs.
    const { violations } = stage.ledger.account(await stage.dump());
    expect(violations).toEqual([]);
    expect((await stage.dump()).parkedEver).toBeGreaterThan(rounds(2) * 5);
  });
});
