import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { EmitterSettings } from '../programs/emitter.js';
import type { LiveListenerSettings } from '../programs/live-listener.js';
import { eventually } from '../support/eventually.js';
import { historyIds } from '../support/history-dump.js';
import { readJournal } from '../support/journal.js';
import type { JournalEntry } from '../support/journal.js';
import { Proxy } from '../support/proxy.js';
import { queueKey } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { TestProcess } from '../support/test-process.js';

const rig = redisRig();

jest.setTimeout(timeFor(6, 60_000));

const PATTERN = 'price.changed';
const isEvents = (connection: string): boolean => connection.startsWith('rq-events-');

let directory: string;
let proxy: Proxy;

beforeEach(async () => {
  Logger.overrideLogger(false);
  directory = await mkdtemp(join(tmpdir(), 'live-'));
  rig.closeLater({ close: () => rm(directory, { recursive: true, force: true }) });
  proxy = rig.closeLater(await Proxy.start(rig.redis.port));
});

const journalOf = (name: string): string => join(directory, name);

async function listen(maxLength: number): Promise<TestProcess> {
  const settings: LiveListenerSettings = {
    url: proxy.url,
    prefix: rig.prefix,
    pattern: PATTERN,
    journal: journalOf('listener'),
    maxLength,
  };
  return rig.closeLater(await TestProcess.start('programs/live-listener.js', settings));
}

async function startEmitter(): Promise<TestProcess> {
  const settings: EmitterSettings = {
    url: rig.connection,
    prefix: rig.prefix,
    pattern: PATTERN,
    journal: journalOf('emitter'),
    name: 'e',
  };
  return rig.closeLater(await TestProcess.start('programs/emitter.js', settings));
}

const heard = (): JournalEntry[] => readJournal(journalOf('listener'));
const told = (): JournalEntry[] => heard().filter(({ event }) => event === 'told');
const missed = (): number =>
  heard()
    .filter(({ event }) => event === 'gap')
    .reduce((sum, { reason }) => sum + Number(reason), 0);
const confirmed = (): number =>
  readJournal(journalOf('emitter')).filter(({ event }) => event === 'confirmed').length;

async function untilEmitted(many: number): Promise<void> {
  const before = confirmed();
  await eventually(() => expect(confirmed()).toBeGreaterThan(before + many), 30_000);
}

/** Ways to cut it off. Each returns how to let it in again. */
const CUTS: readonly (() => Promise<() => void>)[] = [
  async () => {
    await rig.commands.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB');
    return () => undefined;
  },
  () => {
    proxy.refuse(true);
    proxy.cut();
    return Promise.resolve(() => proxy.refuse(false));
  },
  () => {
    proxy.cut(isEvents);
    return Promise.resolve(() => undefined);
  },
];

describe('a live listener that recovers and is cut off again and again while events are emitted', () => {
  test(`hears each of them once and in order (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    await listen(1_000_000);
    const emitter = await startEmitter();
    for (let round = 0; round < rounds(6); round += 1) {
      await untilEmitted(20 + Math.floor(random() * 100));
      const letIn = await CUTS[round % CUTS.length]?.();
      await untilEmitted(Math.floor(random() * 300));
      letIn?.();
    }
    await untilEmitted(50);
    await emitter.kill();

    // The last calls of the emitter may still reach Redis.
    await eventually(async () => {
      const ids = heard().map(({ event, id }) => (event === 'gap' ? event : id));
      expect(ids).toEqual(await historyIds(rig.commands, rig.prefix, PATTERN));
    }, 15_000);
  });

  test('is told how many are gone if the history no longer has them', async () => {
    await listen(50);
    const emitter = await startEmitter();
    await untilEmitted(50);
    proxy.refuse(true);
    proxy.cut();
    await untilEmitted(200);
    await emitter.kill();
    proxy.refuse(false);

    await eventually(async () => {
      const total = await rig.commands.get(queueKey(rig.prefix, PATTERN, 'history:count'));
      expect(told().length + missed()).toBe(Number(total));
    }, 15_000);
    const ids = told().map(({ id }) => id);
    expect(missed()).toBeGreaterThan(0);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.slice(-50)).toEqual(await historyIds(rig.commands, rig.prefix, PATTERN));
  });
});
