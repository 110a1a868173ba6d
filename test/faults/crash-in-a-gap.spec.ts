import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { Replica } from '../chaos/replica.js';
import { ASK, WORK, type Work } from '../chaos/settings.js';
import { eventually } from '../support/eventually.js';
import { readJournal, type JournalEntry, type JournalEvent } from '../support/journal.js';
import { nestRig } from '../support/nest-rig.js';
import { Proxy, type HeldFrame, type Match } from '../support/proxy.js';
import { dumpQueue, heldIn, queueKey } from '../support/queue-dump.js';
import {
  isBlmove,
  isDeadLetter,
  isRetry,
  isSettling,
  isTake,
  isWaitConnection,
} from './commands.js';

const rig = nestRig();
const LEASE_MS = 1_000;

let directory: string;
let proxy: Proxy;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gap-'));
  proxy = rig.closeLater(await Proxy.start(rig.redis.port));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const isBlmoveOfWork: Match = (words, connection) =>
  isBlmove(words, connection) && words[1] === queueKey(rig.prefix, WORK, 'waiting');

const replicas = new Map<string, Replica>();

function consumer(name: string, connection: string): Replica {
  const settings = { connection, prefix: rig.prefix, seed: 0, name, leaseMs: LEASE_MS, groups: [] };
  const replica = new Replica({ ...settings, program: 'consumer', directory });
  replicas.set(name, replica);
  return replica;
}

async function startConsumer(name: string, connection: string): Promise<Replica> {
  const started = consumer(name, connection);
  rig.closeLater({ close: () => started.terminate() });
  await started.start();
  return started;
}

function eventsOf(name: string, event: JournalEvent): readonly JournalEntry[] {
  const entries = replicas.get(name)?.journals.flatMap(readJournal) ?? [];
  return entries.filter((entry) => entry.event === event);
}

async function enqueue(
  behaviour: Work['behaviour'],
  { expiresInMs, id = 'm' }: { readonly expiresInMs?: number; readonly id?: string } = {},
): Promise<void> {
  const record = new RedisQueueRecordBuilder<Work>({ id, behaviour }).id(id);
  if (expiresInMs !== undefined) record.expiresIn(expiresInMs);
  await lastValueFrom(rig.client().enqueue(WORK, record.build()));
}

/** Kills the consumer while the frame is at the proxy: before Redis has it, or before the consumer has its answer. */
async function killAt(consumer: Replica, frame: HeldFrame): Promise<void> {
  await frame.happened;
  await consumer.kill();
}

/** Expects one home for the message: nothing is waiting, delayed or held, and it was handled or is one dead letter. */
async function expectAtRest(queue: string, dead: number): Promise<void> {
  await eventually(async () => {
    const dump = await dumpQueue(rig.commands, rig.prefix, queue);
    expect({
      waiting: dump.waiting.length + dump.suspects.length,
      delayed: dump.delayed.length,
      held: heldIn(dump),
      dead: dump.dead.length,
    }).toEqual({ waiting: 0, delayed: 0, held: 0, dead });
    // The dead consumer is noticed on every queue, even where it held nothing.
    for (const name of [WORK, ASK]) {
      expect(await rig.commands.zcard(queueKey(rig.prefix, name, 'consumers'))).toBe(1);
    }
  }, 15_000);
}

describe('a consumer that is killed', () => {
  test('while its wait has an answer that has not arrived leaves one home for the message', async () => {
    const first = await startConsumer('first', proxy.url);
    // Those consumers of a process block that got messages last.
    await enqueue('finish', { id: 'before' });
    await eventually(() => expect(eventsOf('first', 'end')).toHaveLength(1));
    const wait = proxy.holdRequest(isBlmoveOfWork);
    await wait.happened;
    await enqueue('finish');
    proxy.stopReading(isWaitConnection);
    wait.release();
    await eventually(async () =>
      expect(heldIn(await dumpQueue(rig.commands, rig.prefix, WORK))).toBe(1),
    );
    await first.kill();
    await startConsumer('second', rig.redis.url);
    await expectAtRest(WORK, 0);
    expect(eventsOf('first', 'start')).toMatchObject([{ id: 'before' }]);
    expect(eventsOf('second', 'end')).toMatchObject([{ id: 'm' }]);
  });

  test.each<[string, Match, 'holdRequest' | 'holdReply']>([
    ['before its settling reaches Redis', isSettling, 'holdRequest'],
    ['after its settling, before it knows', isSettling, 'holdReply'],
  ])('%s leaves one home for the message', async (_, match, how) => {
    const first = await startConsumer('first', proxy.url);
    const frame = proxy[how](match);
    await enqueue('finish');
    await killAt(first, frame);
    await startConsumer('second', rig.redis.url);
    await expectAtRest(WORK, 0);
    const ends = [...eventsOf('first', 'end'), ...eventsOf('second', 'end')];
    expect(ends.length).toBeGreaterThanOrEqual(1);
    expect(ends.length).toBeLessThanOrEqual(2);
  });

  test('before its settling reaches Redis leaves a message that has been handled to expire', async () => {
    const first = await startConsumer('first', proxy.url);
    const frame = proxy.holdRequest(isSettling);
    await enqueue('finish', { expiresInMs: LEASE_MS / 2 });
    await killAt(first, frame);
    await startConsumer('second', rig.redis.url);
    await expectAtRest(WORK, 0);
    expect(eventsOf('first', 'end')).toMatchObject([{ attempt: 1 }]);
    expect(eventsOf('second', 'expired')).toMatchObject([{ id: 'm', attempt: 2 }]);
    expect(eventsOf('second', 'start')).toEqual([]);
    expect((await dumpQueue(rig.commands, rig.prefix, WORK)).expired).toBe(1);
  });

  test('while an exchange has taken messages that have not arrived leaves one home for each message', async () => {
    await enqueue('finish');
    const frame = proxy.holdReply(isTake);
    const first = consumer('first', proxy.url);
    const starting = first.start();
    await killAt(first, frame);
    await starting.catch(() => undefined); // it was killed when it started, or just after
    await startConsumer('second', rig.redis.url);
    await expectAtRest(WORK, 0);
    expect(eventsOf('second', 'end')).toHaveLength(1);
  });

  test.each<['holdRequest' | 'holdReply']>([['holdRequest'], ['holdReply']])(
    'inside a retry (%s) leaves one home for the message',
    async (how) => {
      const first = await startConsumer('first', proxy.url);
      const frame = proxy[how](isRetry);
      await enqueue('failOnce');
      await killAt(first, frame);
      await startConsumer('second', rig.redis.url);
      await expectAtRest(WORK, 0);
      expect(eventsOf('second', 'end')).toHaveLength(1);
    },
  );

  test.each<['holdRequest' | 'holdReply']>([['holdRequest'], ['holdReply']])(
    'inside dead-lettering (%s) leaves one dead letter',
    async (how) => {
      const first = await startConsumer('first', proxy.url);
      const frame = proxy[how](isDeadLetter);
      await enqueue('reject');
      await killAt(first, frame);
      await startConsumer('second', rig.redis.url);
      await expectAtRest(WORK, 1);
    },
  );

  test('between the reply and the settling has answered once, and the request is run again', async () => {
    const first = await startConsumer('first', proxy.url);
    const frame = proxy.holdRequest(isSettling);
    const client = rig.client({ requestTimeoutMs: 10_000 });
    expect(await firstValueFrom(client.send<string>(ASK, 'q'))).toBe('q');
    await killAt(first, frame);
    await startConsumer('second', rig.redis.url);
    await expectAtRest(ASK, 0);
  });
});
