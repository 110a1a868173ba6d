import { expect, jest, test } from '@jest/globals';
import { expectTrueCounts } from '../contract/counted-keys.js';
import { eventually } from '../support/eventually.js';
import type { JournalEntry } from '../support/journal.js';
import { heldIn, waitingIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { AppendOnlyFile } from './append-only-file.js';
import { disorder } from './disorder.js';
import { FaultStage } from './fault-stage.js';
import { KEYS, KeyedScene, WITHIN_MS, WORK_MS } from './keyed-scene.js';

const rig = redisRig({
  settings: { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction' },
});

jest.setTimeout(180_000);

const EACH = 10;
const RETRY = { attempts: 5, backoff: 'fixed', delayMs: 30 } as const;

/** How many messages have been handled. */
function handledBy({ ledger }: FaultStage): number {
  return new Set(ledger.idsOf('end')).size;
}

/**
 * Ends Redis once `handled` messages have been handled, and brings it back as it was `lost` handled messages ago. Returns
 * what it has kept.
 */
async function crash(
  stage: FaultStage,
  file: AppendOnlyFile,
  { handled, lost }: { readonly handled: number; readonly lost: number },
): Promise<string> {
  const goesOn = (many: number): Promise<void> =>
    eventually(() => expect(handledBy(stage)).toBeGreaterThanOrEqual(many), WITHIN_MS);
  await goesOn(handled - lost);
  const size = await file.size();
  await goesOn(handled);
  await rig.redis.kill();
  const kept = await file.cut(size);
  await rig.redis.restart();
  return kept;
}

/** Waits until everything that Redis had kept is handled, and expects that it has lost nothing else. */
async function expectKept(stage: FaultStage, kept: string): Promise<void> {
  const { ledger } = stage;
  const isKept = (id: string): boolean => kept.includes(`"id":"${id}"`);
  await eventually(async () => {
    const dump = await stage.dump();
    const waiting = [...waitingIn(dump), ...dump.suspects, ...dump.delayed].length;
    expect([waiting, dump.lanes.size, heldIn(dump)]).toEqual([0, 0, 0]);
    const { violations } = ledger.account(dump);
    const wrong = violations.filter(({ what, ids }) => what !== 'lost' || ids.some(isKept));
    expect(wrong).toEqual([]);
  }, WITHIN_MS);
  for (const id of ledger.sent('confirmed')) if (!isKept(id)) ledger.lose(id);
}

test('a Redis that comes back without its last writes loses those alone', async () => {
  const file = await AppendOnlyFile.of(rig);
  const stage = await FaultStage.open(rig);
  const options = { concurrency: 4, retry: RETRY };
  await Promise.all([stage.startConsumer(options), stage.startConsumer(options)]);
  const messages = Array.from({ length: 40 }, (_, number) => ({
    id: `m${number}`,
    workMs: WORK_MS,
    failsFirst: number % 3 === 1,
  }));
  const sending = stage.send(...messages);

  const kept = await crash(stage, file, { handled: 20, lost: 10 });
  await sending;

  await expectKept(stage, kept);
});

test('so does one with keys, priorities and a limit, and goes on with all of them', async () => {
  const file = await AppendOnlyFile.of(rig);
  const scene = await KeyedScene.open(rig, { maxCrashes: 2 });
  const { stage } = scene;
  await Promise.all([scene.start(), scene.start()]);
  const sending = scene.sendEach(EACH);

  const kept = await crash(stage, file, { handled: 15, lost: 10 });
  await sending;

  await expectKept(stage, kept);
  expectTrueCounts(await stage.dump());
  const before = new Set(stage.ledger.idsOf('start'));
  await scene.sendEach(EACH);
  const isNew = ({ id }: JournalEntry): boolean => !before.has(id);
  await eventually(() => {
    const ends = stage.entries().filter((entry) => entry.event === 'end' && isNew(entry));
    expect(ends).toHaveLength(KEYS.length * EACH);
  }, WITHIN_MS);
  expect(disorder(stage.entries().filter(isNew), WORK_MS)).toEqual([]);
  await scene.expectAllPlaces();
});
