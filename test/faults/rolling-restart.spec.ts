import { expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { failoverRig } from '../support/failover-rig.js';
import { machineMs } from '../support/journal.js';
import type { JournalEntry } from '../support/journal.js';
import { askSentinel, SENTINEL_NAME } from '../support/replicated-redis.js';
import { noteRound } from './failover-figures.js';
import { FailoverStage } from './failover-stage.js';

const rig = failoverRig({ replicas: 1 });
jest.setTimeout(180_000);

const RESUMPTION_MS = 2_000;
/** On a crowded machine, a shorter lease ends by itself, and what its consumer held runs again. */
const LEASE_MS = 5_000;
/** A message may run for that long before a failover that has it run again. */
const LONGEST_RUN_MS = 1_000;

/** When a message began for the first time that began more than once. */
function firstStarts(entries: readonly JournalEntry[]): number[] {
  const starts = new Map<string, number[]>();
  for (const { event, id, atMs } of entries)
    if (event === 'start') starts.set(id, [...(starts.get(id) ?? []), atMs]);
  return [...starts.values()].filter(({ length }) => length > 1).map((all) => Math.min(...all));
}

// A handler may run again only if the primary was replaced while it ran, or while what it had done was on its way to the
// replica.
test('restarting every service, Sentinel and Redis, one after the other, loses nothing, and runs twice only what ran at the failover', async () => {
  const stage = await FailoverStage.open(rig, rig.connection, {
    waitForReplicas: { count: 1, timeoutMs: 300 },
  });
  const startConsumer = (): Promise<unknown> =>
    stage.startConsumer(undefined, {}, { leaseMs: LEASE_MS });
  await Promise.all([startConsumer(), startConsumer()]);
  stage.startSending();
  await stage.untilBusy();

  for (const consumer of [...stage.consumers]) {
    await consumer.close();
    await startConsumer();
    await stage.untilGoingOn();
  }
  await stage.stage.replaceClient();
  await stage.untilGoingOn();
  for (const sentinel of [...rig.servers.sentinels]) {
    await rig.servers.killSentinel(sentinel);
    await rig.servers.addSentinels(sentinel.port);
  }
  for (const replica of rig.servers.replicas) await rig.servers.restart(replica);
  await rig.servers.heal();
  await stage.untilGoingOn();

  const old = rig.servers.primary;
  const toldAt = machineMs();
  await eventually(async () => {
    const [sentinel] = rig.servers.sentinels;
    if (sentinel !== undefined) await askSentinel(sentinel, 'FAILOVER', SENTINEL_NAME);
  });
  const promoted = await rig.servers.promoted();
  const resumption = await stage.untilGoingOn();
  expect(resumption.tookMs).toBeLessThan(resumption.limit(RESUMPTION_MS));
  const doneAt = machineMs();
  // Until it is a replica, Sentinels would take its restart for a fault.
  await eventually(async () => expect((await old.info())['role']).toBe('slave'));
  await rig.servers.restart(old);
  await rig.servers.heal();
  await stage.untilGoingOn();

  await stage.stopSending();
  await stage.untilAtRest();
  const twice = firstStarts(stage.stage.entries());
  const books = stage.closeRound(promoted);
  expect(books.lostByRedis).toEqual([]);
  expect(twice.filter((atMs) => atMs < toldAt - LONGEST_RUN_MS || atMs > doneAt)).toEqual([]);
  noteRound('rolling', resumption.tookMs, books);
  await stage.closeConsumers();
});
