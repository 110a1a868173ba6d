import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueRecordBuilder,
} from 'nestjs-redis-queue-transport';
import { expectTrueCounts } from '../contract/counted-keys.js';
import type { GroupReplicaSettings } from '../programs/group-replica.js';
import { eventually } from '../support/eventually.js';
import { Proxy } from '../support/proxy.js';
import type { HeldFrame, Match } from '../support/proxy.js';
import { readJournal } from '../support/journal.js';
import { idsOf } from '../support/ledger.js';
import { dumpQueue, queueKey } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { TestProcess } from '../support/test-process.js';
import { isReadingKeys, isTellingKeys } from './commands.js';
import { disorder } from './disorder.js';
import { LEASE_MS } from './fault-stage.js';

const rig = redisRig({ settings: { appendonly: 'yes', appendfsync: 'always' } });

const PATTERN = 'order.placed';
const QUEUE = `@billing/${PATTERN}`;
const WORK_MS = 3;
const KEYS = 5;

jest.setTimeout(timeFor(6, 120_000));

let journal: string;
let client: RedisQueueClient;
let replicas: TestProcess[];
let emitted: string[];

beforeEach(async () => {
  Logger.overrideLogger(false);
  const directory = await mkdtemp(join(tmpdir(), 'keys-'));
  journal = join(directory, 'journal');
  rig.closeLater({ close: () => rm(directory, { recursive: true, force: true }) });
  rig.mayRemain(/}[^:]*:fenced$/);
  const { redis, prefix } = rig;
  client = rig.closeLater(new RedisQueueClient({ connection: redis.url, prefix }));
  replicas = [];
  emitted = [];
});

async function startReplica(
  more: Pick<GroupReplicaSettings, 'dies' | 'maxCrashes'> = {},
  url = rig.connection,
): Promise<TestProcess> {
  const settings: GroupReplicaSettings = {
    url,
    prefix: rig.prefix,
    pattern: PATTERN,
    group: 'billing',
    journal,
    leaseMs: LEASE_MS,
    concurrency: 5,
    workMs: WORK_MS,
    readsKeys: true,
    ...more,
  };
  const replica = rig.closeLater(await TestProcess.start('programs/group-replica.js', settings));
  replicas.push(replica);
  return replica;
}

/** Emits so many more events, those of each key in turn. */
async function emit(count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, index) => {
    const n = emitted.length + index;
    return `k${n % KEYS}-${Math.floor(n / KEYS) + 1}`;
  });
  const records = ids.map((id) => new RedisQueueRecordBuilder({ id }).id(id).build());
  await client.emitMany(PATTERN, records);
  emitted.push(...ids);
}

/** The process id of the replica that reads keys now. */
async function readerPid(): Promise<number | undefined> {
  const reader = await rig.commands.hget(queueKey(rig.prefix, QUEUE, 'roles'), 'keyReader');
  return replicas.find(({ pid }) => reader?.includes(`-${pid}-`))?.pid;
}

/** All are handled, none twice but those that a killed process was handling, and each key in its order. */
async function expectAllInOrder(): Promise<void> {
  await eventually(
    () => expect(new Set(idsOf(readJournal(journal), 'end')).size).toBe(emitted.length),
    30_000,
  );
  await eventually(async () => {
    const { processing, waiting, unkeyed, dead } = await dumpQueue(rig.commands, rig.prefix, QUEUE);
    expect([processing.size, waiting, unkeyed, dead]).toEqual([0, [], [], []]);
  });
  const killed = new Set(replicas.flatMap(({ hasEnded, pid }) => (hasEnded ? [pid ?? 0] : [])));
  expect(disorder(readJournal(journal), WORK_MS, killed)).toEqual([]);
  expectTrueCounts(await dumpQueue(rig.commands, rig.prefix, QUEUE));
}

/** What of the calls of a reader is under way when it dies. */
const GAPS: readonly { readonly holds: 'request' | 'reply'; readonly match: Match }[] = [
  { holds: 'reply', match: isReadingKeys },
  { holds: 'request', match: isTellingKeys },
  { holds: 'reply', match: isTellingKeys },
];

/** Emits until such a call is held back while events wait for their keys. */
async function reach(proxy: Proxy, holds: 'request' | 'reply', match: Match): Promise<HeldFrame> {
  for (;;) {
    const frame = holds === 'request' ? proxy.holdRequest(match) : proxy.holdReply(match);
    let hasHappened = false;
    void frame.happened.then(() => (hasHappened = true));
    await eventually(async () => {
      await emit(7);
      expect(hasHappened).toBe(true);
    });
    if ((await dumpQueue(rig.commands, rig.prefix, QUEUE)).unkeyed.length > 0) return frame;
    frame.release();
  }
}

describe('SIGKILL of the process that reads keys', () => {
  test.each([
    ['before it has told a key', -1],
    ['when it has told all that it read', 0],
    ['while they are on their way', 1],
    ['soon after', 3],
  ])('%s: nothing is lost, and each key keeps its order', async (_when, inMs) => {
    await startReplica({ dies: { at: 'k3-9', inMs } });
    await startReplica();
    await emit(30);
    for (let n = 0; n < 20; n += 1) await emit(7);
    await eventually(() => expect(replicas[0]?.hasEnded).toBe(true));
    await emit(30);
    await startReplica();
    await expectAllInOrder();
  });

  test('in each gap, one process after the other: nothing is lost, and each key keeps its order', async () => {
    const next = async () => {
      const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
      return { proxy, replica: await startReplica({}, proxy.url) };
    };
    let reader = await next();
    let other = await next();
    for (const { holds, match } of GAPS) {
      await eventually(async () => {
        await emit(1);
        expect(await readerPid()).toBe(reader.replica.pid);
      });
      const frame = await reach(reader.proxy, holds, match);
      await reader.replica.kill();
      await emit(10);
      [reader, other] = [other, await next()];
      await expectAllInOrder();
      // What was under way may still arrive, long after.
      frame.release();
    }
    await emit(10);
    await expectAllInOrder();
  });

  test(`again and again, at any moment (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    await startReplica();
    await startReplica();
    for (let round = 0; round < rounds(6); round += 1) {
      for (let n = 0; n < 10; n += 1) await emit(1 + Math.floor(random() * 20));
      const pid = await readerPid();
      const reader = replicas.find((each) => each.pid === pid);
      await emit(1 + Math.floor(random() * 50));
      await reader?.kill();
      await emit(10);
      await startReplica();
    }
    await expectAllInOrder();
  });
});

test('an event that kills who reads its key holds up the group only until it has done so often enough', async () => {
  const terms = { dies: { at: 'p-1', inMs: -1 }, maxCrashes: 3 };
  await startReplica(terms);
  await emit(20);
  await client.emit(PATTERN, { id: 'p-1' }, { id: 'p-1' });
  await emit(20);
  const admin = rig.closeLater(
    new RedisQueueAdmin({ connection: rig.connection, prefix: rig.prefix }),
  );
  await eventually(async () => {
    const alive = replicas.filter(({ hasEnded }) => !hasEnded);
    if (alive.length < 2) await startReplica(terms).catch(() => undefined);
    expect(new Set(idsOf(readJournal(journal), 'end')).size).toBe(emitted.length);
    expect((await admin.lengths(QUEUE)).dead).toBe(1);
  }, 90_000);
  const { letters } = await admin.deadLetters(QUEUE);
  expect(letters).toMatchObject([{ reason: 'crashed', id: 'p-1' }]);
  const killed = new Set(replicas.flatMap(({ hasEnded, pid }) => (hasEnded ? [pid ?? 0] : [])));
  expect(disorder(readJournal(journal), WORK_MS, killed)).toEqual([]);
});

test('kill -9 of Redis while keys are read loses nothing, and each key keeps its order', async () => {
  const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  await startReplica({}, proxy.url);
  await emit(1);
  for (const { holds, match } of GAPS) {
    const frame = await reach(proxy, holds, match);
    await rig.redis.kill();
    frame.release();
    await rig.redis.restart();
    await eventually(() => emit(1));
    await expectAllInOrder();
  }
});
