import { describe, expect, jest, test } from '@jest/globals';
import type { ConsumerProcess, TestMessage } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { idsOf } from '../support/ledger.js';
import { Proxy } from '../support/proxy.js';
import { heldIn, queueKey } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { timeFor } from '../support/seed.js';
import { isBodyRead, isRenewal } from './commands.js';
import { FaultStage, LEASE_MS } from './fault-stage.js';

const rig = redisRig();

jest.setTimeout(timeFor(1, 60_000));

/** Leaves the rest to this consumer, once it knows that its lease is lost. */
async function leftTo(
  late: ConsumerProcess,
  other: ConsumerProcess,
  stage: FaultStage,
): Promise<void> {
  await eventually(() => expect(late.output).toContain('Lost the lease'));
  await other.close();
  await stage.send({ id: 'later' });
  await stage.untilAllHome();
}

describe('handlers that compute one after the other for longer than the lease', () => {
  test.each([1, 2, 20])(
    'keep it, since renewals get their turn, with %s at once',
    async (concurrency) => {
      const stage = await FaultStage.open(rig);
      const busy = await stage.startConsumer({ concurrency });
      const messages = Array.from({ length: 8 }, (_, index) => ({
        id: `m${index}`,
        blocksMs: 0.4 * LEASE_MS,
      }));
      await stage.send(...messages);
      await eventually(() => expect(busy.journal).not.toEqual([]));
      const other = await stage.startConsumer({ concurrency: 1 });
      await stage.untilAllHome();
      expect([busy.output, other.output]).toEqual(['', '']);
      expect(busy.journal.length).toBeGreaterThan(4);
      await stage.balance(0);
    },
  );
});

describe('a consumer that gets a parked body late', () => {
  test('does not begin with it if its lease was lost meanwhile, even before it learns of that', async () => {
    const stage = await FaultStage.open(rig, rig.connection, {
      parkAboveBytes: 1_000,
      compressAboveBytes: false,
    });
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    // Ready to go on at once, since a held-back call would be given up in the time that a process takes to start.
    const other = await stage.startConsumer();
    other.signal('SIGSTOP');
    const late = await stage.startConsumer({}, proxy.url);
    await eventually(async () => {
      expect(await rig.commands.zcard(queueKey(rig.prefix, stage.queue, 'consumers'))).toBe(1);
    });
    const body = proxy.holdReply(isBodyRead);
    await stage.send({ id: 'm', filler: 'x'.repeat(5_000) });
    await body.happened;
    const renewal = proxy.holdReply(isRenewal);
    other.signal('SIGCONT');
    await stage.untilAllHome();
    expect(idsOf(other.journal, 'start')).toEqual(['m']);
    await renewal.happened;

    // Once it has the body, it asks for its lease before it begins.
    const again = proxy.holdRequest(isRenewal);
    body.release();
    await again.happened;
    again.release();
    renewal.release();

    await leftTo(late, other, stage);
    expect(idsOf(late.journal, 'start')).toEqual(['later']);
    await stage.balance(0);
  });
});

describe('a machine that was suspended, whose monotonic clock stood still', () => {
  test('begins nothing on a lease that was lost meanwhile', async () => {
    const stage = await FaultStage.open(rig);
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const options = { concurrency: 1, prefetch: 5 };
    const late = await stage.startConsumer(options, proxy.url, { sleeps: true });
    const messages: TestMessage[] = [{ id: 'a', holds: true }, { id: 'b' }, { id: 'c' }];
    await stage.send(...messages);
    await eventually(async () => expect(heldIn(await stage.dump())).toBe(3));
    late.signal('SIGSTOP');
    const other = await stage.startConsumer();
    other.letGo();
    await stage.untilAllHome();
    expect(idsOf(other.journal, 'start')).toEqual(expect.arrayContaining(['a', 'b', 'c']));

    const renewal = proxy.holdReply(isRenewal);
    late.signal('SIGCONT');
    await renewal.happened;
    // The running handler ends before anything tells of the lease.
    late.letGo();
    await eventually(() => expect(idsOf(late.journal, 'end')).toEqual(['a']));
    renewal.release();

    await leftTo(late, other, stage);
    expect(idsOf(late.journal, 'start')).toEqual(['a', 'later']);
    await stage.balance(1);
  });
});
