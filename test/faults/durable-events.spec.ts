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
import { lastValueFrom } from 'rxjs';
import type { EmitterSettings } from '../programs/emitter.js';
import type { GroupReplicaSettings } from '../programs/group-replica.js';
import { decodeElement } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { eventually } from '../support/eventually.js';
import { readJournal } from '../support/journal.js';
import { idsOf } from '../support/ledger.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { TestProcess } from '../support/test-process.js';
import { LEASE_MS } from './fault-stage.js';

const rig = redisRig();

const PATTERN = 'order.placed';
const GROUPS = ['billing', 'mail'];

jest.setTimeout(timeFor(3, 90_000));

let journal: string;

beforeEach(async () => {
  Logger.overrideLogger(false);
  const directory = await mkdtemp(join(tmpdir(), 'events-'));
  journal = join(directory, 'journal');
  rig.closeLater({ close: () => rm(directory, { recursive: true, force: true }) });
});

async function startEmitter(name: string): Promise<TestProcess> {
  const { redis, prefix } = rig;
  const settings: EmitterSettings = { url: redis.url, prefix, pattern: PATTERN, journal, name };
  return rig.closeLater(await TestProcess.start('programs/emitter.js', settings));
}

async function startReplica(group: string): Promise<TestProcess> {
  const { redis, prefix } = rig;
  const settings: GroupReplicaSettings = {
    url: redis.url,
    prefix,
    pattern: PATTERN,
    group,
    journal,
    leaseMs: LEASE_MS,
    concurrency: 5,
    workMs: 5,
  };
  return rig.closeLater(await TestProcess.start('programs/group-replica.js', settings));
}

/** The ids of the events that wait for a group, in order. */
async function copiesOf(group: string): Promise<(string | undefined)[]> {
  const key = `${rig.prefix}:{${PATTERN}}@${group}:waiting`;
  const elements = await rig.commands.lrangeBuffer(key, 0, -1);
  return elements.map((element) => decodeElement(element).id);
}

describe('SIGKILL of an emitter of durable events', () => {
  test(`leaves each confirmed one in every group exactly once, and no other in only some of them (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const admin = rig.closeLater(
      new RedisQueueAdmin({ connection: rig.connection, prefix: rig.prefix }),
    );
    await admin.declare(PATTERN, { groups: GROUPS });
    for (let round = 0; round < rounds(3); round += 1) {
      const before = idsOf(readJournal(journal), 'confirmed').length;
      const many = 100 + Math.floor(random() * 400);
      const emitter = await startEmitter(`e${round}`);
      await eventually(() =>
        expect(idsOf(readJournal(journal), 'confirmed').length).toBeGreaterThan(before + many),
      );
      await emitter.kill();
    }

    const [first, second] = await Promise.all(GROUPS.map(copiesOf));
    expect(second).toEqual(first);
    expect(new Set(first).size).toBe(first?.length);
    const held = new Set(first);
    const confirmed = idsOf(readJournal(journal), 'confirmed');
    expect(confirmed.filter((id) => !held.has(id))).toEqual([]);
  });

  test('while a group begins leaves the group everything that was emitted since', async () => {
    const admin = rig.closeLater(
      new RedisQueueAdmin({ connection: rig.connection, prefix: rig.prefix }),
    );
    await admin.declare(PATTERN, { groups: ['billing'] });
    const emitter = await startEmitter('e');
    await eventually(() => expect(idsOf(readJournal(journal), 'confirmed')).not.toEqual([]));
    await admin.declare(PATTERN, { groups: ['late'] });
    const sentBefore = new Set(idsOf(readJournal(journal), 'sent'));
    await eventually(() => {
      const since = idsOf(readJournal(journal), 'confirmed').filter((id) => !sentBefore.has(id));
      expect(since.length).toBeGreaterThan(200);
    });
    await emitter.kill();

    const late = await copiesOf('late');
    const held = new Set(late);
    const since = idsOf(readJournal(journal), 'confirmed').filter((id) => !sentBefore.has(id));
    expect(since.filter((id) => !held.has(id))).toEqual([]);
    // Nothing in between is missing: these are the last events of the other group.
    expect((await copiesOf('billing')).slice(-late.length)).toEqual(late);
  });
});

describe('SIGKILL of all replicas of a group', () => {
  test('while events are emitted delays them, and loses none', async () => {
    rig.mayRemain(/}[^:]*:fenced$/);
    const client = rig.closeLater(
      new RedisQueueClient({ connection: rig.connection, prefix: rig.prefix }),
    );
    let emitted = 0;
    const emit = (many: number): Promise<unknown> =>
      Promise.all(
        Array.from({ length: many }, () => {
          const id = `m${(emitted += 1)}`;
          const record = new RedisQueueRecordBuilder({ id }).id(id).build();
          return lastValueFrom(client.emit(PATTERN, record));
        }),
      );
    let replicas = [await startReplica('billing'), await startReplica('billing')];
    for (let round = 0; round < rounds(3); round += 1) {
      const before = readJournal(journal).length;
      const emitting = emit(100);
      await eventually(() => expect(readJournal(journal).length).toBeGreaterThan(before + 20));
      await Promise.all(replicas.map((replica) => replica.kill()));
      await emitting;
      // No replica of the group is alive.
      await emit(100);
      replicas = [await startReplica('billing'), await startReplica('billing')];
      await eventually(() => {
        const handled = new Set(idsOf(readJournal(journal), 'end'));
        expect(handled.size).toBe(emitted);
      }, 30_000);
    }
    // Only events that were running when the replicas died may have run twice.
    const ends = idsOf(readJournal(journal), 'end');
    expect(ends.length - emitted).toBeLessThanOrEqual(rounds(3) * 2 * 5);
    await Promise.all(replicas.map((replica) => replica.close()));
    expect(await copiesOf('billing')).toEqual([]);
  });
});
