import { describe, expect, test } from '@jest/globals';
import { RedisWorld } from '../contract/redis-world.js';
import { LEASE_TERMS } from '../contract/with-lease.js';
import type { ConsumerProcess } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { Proxy } from '../support/proxy.js';
import { heldIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { isBlmove, isRenewal, isTake } from './commands.js';
import { FaultStage, LEASE_MS, RECLAIM_EVERY_MS, SLACK_MS } from './fault-stage.js';
import { Stopwatch } from '../support/stopwatch.js';

const rig = redisRig();
const world = new RedisWorld(rig);

/**
 * Leaves the rest to the frozen consumer once it knows that its lease is lost. Returns everything that it ever began.
 */
async function startedWithout(
  other: ConsumerProcess,
  frozen: ConsumerProcess,
  stage: FaultStage,
): Promise<(string | undefined)[]> {
  await eventually(() => expect(frozen.output).toContain('Lost the lease'));
  await other.close();
  await stage.send({ id: 'later' });
  await stage.untilAllHome();
  return frozen.journal.filter(({ event }) => event === 'start').map(({ id }) => id);
}

describe('SIGSTOP of a consumer process past its lease, then SIGCONT', () => {
  test('has its late results ignored and its signals fired, and settles nothing twice', async () => {
    const stage = await FaultStage.open(rig);
    const frozen = await stage.startConsumer({ concurrency: 5 });
    const held = ['a', 'b', 'c', 'd', 'e'];
    await stage.send(...held.map((id) => ({ id, holds: true })));
    await eventually(() => expect(frozen.journal).toHaveLength(5));
    const other = await stage.startConsumer({ concurrency: 5 });
    frozen.signal('SIGSTOP');
    const watch = Stopwatch.start();

    // The other one takes them over, one at a time since each is a suspect, and dead-letters one that always fails.
    await eventually(() => expect(other.journal.map(({ event }) => event)).toContain('start'));
    watch.expectAtMost(LEASE_MS + RECLAIM_EVERY_MS + SLACK_MS);
    other.letGo();
    await stage.untilAllHome();

    frozen.signal('SIGCONT');
    await eventually(() => {
      const aborted = frozen.journal.filter(({ event }) => event === 'aborted');
      expect(aborted.map(({ id, reason }) => `${id} ${reason}`).sort()).toEqual(
        held.map((id) => `${id} LEASE_LOST`),
      );
    });
    frozen.letGo();
    await eventually(() =>
      expect(frozen.journal.filter(({ event }) => event === 'end')).toHaveLength(5),
    );
    // It takes messages again, under a new name, once it knows that its results are not wanted.
    await other.close();
    await stage.send({ id: 'later' });
    await stage.untilAllHome();
    expect(frozen.journal.at(-1)).toMatchObject({ event: 'end', id: 'later', attempt: 1 });
    const account = await stage.balance(5);
    expect(account).toMatchObject({ dead: [], handled: 6 });
    expect(frozen.output).toContain('Lost the lease');
  });

  test('that ends while its results are under way gives no delivery away', async () => {
    const stage = await FaultStage.open(rig);
    const frozen = await stage.startConsumer({ concurrency: 5 });
    await stage.send(...['a', 'b', 'c'].map((id) => ({ id, workMs: 200 })));
    await eventually(() => expect(frozen.journal).toHaveLength(3));
    frozen.signal('SIGSTOP');
    const other = await stage.startConsumer({ concurrency: 5 });
    await eventually(() => expect(other.journal.length).toBeGreaterThan(0));
    // Its three handlers end at once, so their results come together.
    frozen.signal('SIGCONT');
    await stage.untilAllHome();
    await eventually(() => expect(frozen.output).toContain('Lost the lease'));
    await stage.balance(3);
  });

  test('alone loses nothing: without another consumer, the lease is still its own', async () => {
    const stage = await FaultStage.open(rig);
    const frozen = await stage.startConsumer();
    await stage.send({ id: 'a', workMs: 100 });
    await eventually(() => expect(frozen.journal).toHaveLength(1));
    frozen.signal('SIGSTOP');
    await eventually(async () => {
      const consumers = `${rig.prefix}:{work}:consumers`;
      const [seconds] = await rig.commands.time();
      expect(await rig.commands.zcount(consumers, '-inf', Number(seconds) * 1_000)).toBe(1);
    });
    frozen.signal('SIGCONT');
    await stage.untilAllHome();
    await stage.balance(0);
  });

  test('does not run a message that came for it meanwhile and was handled by others', async () => {
    const stage = await FaultStage.open(rig);
    const frozen = await stage.startConsumer();
    await stage.send({ id: 'first' });
    await stage.untilAllHome();
    // Its wait is at Redis, and gets the message, but cannot read it any more.
    await eventually(async () => {
      frozen.signal('SIGSTOP');
      const isWaiting = (await rig.commands.info('clients')).includes('blocked_clients:1\r\n');
      if (!isWaiting) frozen.signal('SIGCONT');
      expect(isWaiting).toBe(true);
    });
    await stage.send({ id: 'meanwhile' });
    await eventually(async () => expect(heldIn(await stage.dump())).toBe(1));
    const other = await stage.startConsumer();
    await stage.untilAllHome();
    expect(other.journal.map(({ id }) => id)).toContain('meanwhile');

    frozen.signal('SIGCONT');

    expect(await startedWithout(other, frozen, stage)).toEqual(['first', 'later']);
    await stage.balance(0);
  });

  test('does not begin a message that it had ready and that was handled by others', async () => {
    const stage = await FaultStage.open(rig);
    const frozen = await stage.startConsumer({ concurrency: 1, prefetch: 5 });
    // As long as the lease, so it ends with the first thing that the process does again.
    await stage.send({ id: 'a', workMs: LEASE_MS }, { id: 'b' }, { id: 'c' });
    await eventually(async () => expect(heldIn(await stage.dump())).toBe(3));
    await eventually(() => expect(frozen.journal).toHaveLength(1));
    frozen.signal('SIGSTOP');
    const other = await stage.startConsumer();
    await stage.untilAllHome();
    expect(other.journal.map(({ id }) => id)).toEqual(expect.arrayContaining(['a', 'b', 'c']));

    frozen.signal('SIGCONT');

    expect(await startedWithout(other, frozen, stage)).toEqual(['a', 'later']);
    await stage.balance(1);
  });

  test('does not run messages that it took after its lease had ended, even before it learns of that', async () => {
    const stage = await FaultStage.open(rig);
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const frozen = await stage.startConsumer({}, proxy.url);
    const consumers = `${rig.prefix}:{work}:consumers`;
    const [name = ''] = await rig.commands.zrange(consumers, '0', '-1');
    const reclaimer = await (await world.open()).join('work', LEASE_TERMS, () => undefined);
    const other = await stage.startConsumer({ concurrency: 1 });
    // After a wait, it makes an exchange, finds nothing, and waits again.
    const wait = proxy.holdReply(isBlmove);
    await wait.happened;
    const look = proxy.holdReply(isTake);
    wait.release();
    await look.happened;
    frozen.signal('SIGSTOP');
    look.release();
    // Taken from it as soon as its lease is over: a process that stands still for 5 s gives up the call that it has made.
    const endMs = Number(await rig.commands.zscore(consumers, name));
    await eventually(async () => {
      const [seconds] = await rig.commands.time();
      expect(Number(seconds) * 1_000).toBeGreaterThan(endMs);
    });
    await reclaimer.reclaim(name, endMs);
    expect(await rig.commands.zscore(consumers, name)).toBeNull();
    await reclaimer.leave();
    await stage.send({ id: 'busy', holds: true }, { id: 'm' });
    await eventually(() => expect(other.journal).toHaveLength(1));

    // The wait has its answer before the consumer learns that its lease has ended.
    const renewal = proxy.holdReply(isRenewal);
    frozen.signal('SIGCONT');
    await eventually(async () => expect(heldIn(await stage.dump())).toBe(2));
    await renewal.happened;
    renewal.release();

    await eventually(() => expect(frozen.output).toContain('Lost the lease'));
    other.letGo();
    await stage.untilAllHome();
    expect(
      stage.entries().filter(({ id, event }) => id === 'm' && event === 'start'),
    ).toMatchObject([{ attempt: 1 }]);
    await stage.balance(0);
  });
});
