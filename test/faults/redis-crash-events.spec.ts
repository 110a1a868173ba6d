import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { RedisQueueClient, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import type { GroupReplicaSettings } from '../programs/group-replica.js';
import { idOf } from '../support/element.js';
import { eventually } from '../support/eventually.js';
import { historyIds } from '../support/history-dump.js';
import { journalEntry, readJournal } from '../support/journal.js';
import type { JournalEntry } from '../support/journal.js';
import { accountOf, idsOf, resultOf } from '../support/ledger.js';
import { dumpQueue, heldIn } from '../support/queue-dump.js';
import type { QueueDump } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { TestProcess } from '../support/test-process.js';
import { LEASE_MS } from './fault-stage.js';

const rig = redisRig({ settings: { appendonly: 'yes', appendfsync: 'always' } });

jest.setTimeout(timeFor(3, 60_000));

const PATTERN = 'order.placed';
/** The first group has no consumer, the second one is served. */
const GROUPS = ['billing', 'mail'];
const FILLER = 'x'.repeat(5_000);

const sent: JournalEntry[] = [];

function openClient(): RedisQueueClient {
  return rig.closeLater(
    new RedisQueueClient({
      connection: rig.connection,
      prefix: rig.prefix,
      parkAboveBytes: 1_000,
      compressAboveBytes: false,
      declare: { [PATTERN]: { groups: GROUPS, history: { maxLength: 100_000 } } },
    }),
  );
}

async function emit(client: RedisQueueClient, id: string, filler?: string): Promise<void> {
  const record = new RedisQueueRecordBuilder({ id, filler }).id(id).build();
  sent.push(journalEntry({ event: 'sent', id }));
  const event = await resultOf(lastValueFrom(client.emit(PATTERN, record)));
  sent.push(journalEntry({ event, id }));
}

async function startReplica(journal: string): Promise<TestProcess> {
  const { redis, prefix } = rig;
  const settings: GroupReplicaSettings = {
    url: redis.url,
    prefix,
    pattern: PATTERN,
    group: 'mail',
    journal,
    leaseMs: LEASE_MS,
    concurrency: 5,
    workMs: 2,
  };
  return rig.closeLater(await TestProcess.start('programs/group-replica.js', settings));
}

const dumpOf = (group: string | undefined): Promise<QueueDump> =>
  dumpQueue(rig.commands, rig.prefix, `@${group}/${PATTERN}`);

test(`kill -9 of Redis (appendfsync always) leaves each durable event in all groups and the history, or in none (seed ${SEED})`, async () => {
  Logger.overrideLogger(false);
  rig.mayRemain(/}[^:]*:(parked|fenced)$/);
  const random = randomNumbers(SEED);
  const directory = await mkdtemp(join(tmpdir(), 'crash-'));
  rig.closeLater({ close: () => rm(directory, { recursive: true, force: true }) });
  const journal = join(directory, 'journal');
  const client = openClient();
  await client.connect();
  await startReplica(journal);
  let count = 0;
  for (let kill = 0; kill < rounds(3); kill += 1) {
    let isEmitting = true;
    const next = (): Promise<void> =>
      emit(client, `m${(count += 1)}`, random() < 0.3 ? FILLER : undefined);
    const emitting = (async () => {
      while (isEmitting) await Promise.all([next(), next(), next()]);
    })();
    const before = readJournal(journal).length;
    const many = 20 + Math.floor(random() * 60);
    await eventually(() => expect(readJournal(journal).length).toBeGreaterThan(before + many));
    await rig.redis.kill();
    isEmitting = false;
    await rig.redis.restart();
    await emitting;
  }

  await eventually(async () => {
    const dump = await dumpOf('mail');
    expect(dump.waiting.length + dump.suspects.length + dump.delayed.length + heldIn(dump)).toBe(0);
  }, 20_000);
  const handled = readJournal(journal);
  const billing = await dumpOf('billing');
  expect(accountOf(sent, billing).violations).toEqual([]);
  expect(accountOf([...sent, ...handled], await dumpOf('mail')).violations).toEqual([]);
  const kept = await historyIds(rig.commands, rig.prefix, PATTERN);
  expect(billing.waiting.map(idOf)).toEqual(kept);
  expect([...new Set(idsOf(handled, 'end'))].sort()).toEqual([...kept].sort());
  expect(billing.parked.length).toBeGreaterThan(rounds(3));
});
