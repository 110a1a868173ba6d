import { describe, expect, jest, test } from '@jest/globals';
import { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { eventually } from '../support/eventually.js';
import { idsOf } from '../support/ledger.js';
import type { Match } from '../support/proxy.js';
import { redisRig } from '../support/redis-rig.js';
import {
  isAdmission,
  isDeadLetter,
  isEndOfConsumer,
  isHold,
  isNextSuspect,
  isRelease,
  isRetry,
  isSettling,
  isTake,
} from './commands.js';
import { GapPlay } from './gap-play.js';
import type { Gap, Moment } from './gap-play.js';
import { KeyedScene } from './keyed-scene.js';

const rig = redisRig();

jest.setTimeout(180_000);

/** Longer than a process that is told to stop lets its handlers run. */
const SLOW_MS = 500;
const OPTIONS = { maxCrashes: 100, shutdownTimeoutMs: 50 } as const;
/** So large that it is parked. */
const FILLER = 'x'.repeat(20_000);

const isEndOfTransaction: Match = ([name]) => name === 'EXEC';

async function busy({ scene }: GapPlay): Promise<void> {
  const useless = { ...scene.next('useless'), isUseless: true };
  await Promise.all([scene.sendEach(3), scene.stage.send(useless)]);
}

/** The next one is sent when the one before has ended, so processes wait for it. */
async function calm({ scene }: GapPlay): Promise<void> {
  await scene.stage.send(scene.next('k0'));
  await scene.stage.untilAllHome();
}

async function asking({ scene, answered, client }: GapPlay): Promise<void> {
  const message = { ...scene.next('asked'), failsFirst: false };
  answered.add(String(await scene.stage.ask(message, client)));
}

async function slowly({ scene }: GapPlay): Promise<void> {
  const messages = ['s0', 's1', 's2'].map((key) => ({ ...scene.next(key), workMs: SLOW_MS }));
  await scene.stage.send(...messages);
  await scene.stage.untilAllHome();
}

/** The process itself sends, too. */
function sending(more: { readonly filler?: string } = {}): Gap['step'] {
  return async (play) => {
    await Promise.all([play.scene.sendEach(2), play.sendItself(more)]);
  };
}

const doesNotKnow = ({ held }: Moment): boolean => held.some(({ event }) => event === undefined);
const hasHandled = ({ held }: Moment): boolean => held.some(({ event }) => event === 'end');
const hasFailed = ({ held }: Moment): boolean => held.some(({ event }) => event === 'threw');
const stillRan = ({ held }: Moment): boolean =>
  held.some(({ event }) => event === 'start' || event === 'aborted');
const stopping = (play: GapPlay): Promise<void> => play.stopWhileItRuns();

type Terms = Omit<Gap, 'holds' | 'match'>;

function before(match: Match, terms: Terms): Gap {
  return { holds: 'request', match, ...terms };
}

function after(match: Match, terms: Terms): Gap {
  return { holds: 'reply', match, ...terms };
}

const GAPS: Readonly<Record<string, Readonly<Record<string, Gap>>>> = {
  'takes messages': {
    'its wait has brought one, and nobody has asked yet whether that may start': before(
      isAdmission,
      { step: calm, isThere: doesNotKnow },
    ),
    'that one may start, which it does not know': after(isAdmission, {
      step: calm,
      isThere: doesNotKnow,
    }),
    'an exchange has taken some that it does not know of': after(isTake, {
      step: busy,
      isThere: doesNotKnow,
    }),
  },
  'settles messages': {
    'a handler has ended, and Redis does not know': before(isSettling, {
      step: busy,
      isThere: hasHandled,
    }),
    'Redis knows, and it does not know that': after(isSettling, { step: busy }),
    'a request has its reply, and is not settled': before(isSettling, {
      step: asking,
      isThere: ({ held }, { answered }) => held.some(({ id }) => answered.has(id)),
    }),
    'a retry has not reached Redis': before(isRetry, { step: busy, isThere: hasFailed }),
    'a retry has reached Redis, which it does not know': after(isRetry, {
      step: busy,
      isThere: ({ delayed, failed }) => delayed.some((id) => failed.has(id)),
    }),
    'a dead letter has not reached Redis': before(isDeadLetter, { step: busy, isThere: hasFailed }),
    'a dead letter has reached Redis, which it does not know': after(isDeadLetter, {
      step: busy,
      isThere: ({ dead, failed }) => dead.some((id) => failed.has(id)),
    }),
  },
  'sends messages': {
    'one has not reached Redis': before(isHold, {
      step: sending(),
      isThere: ({ isOwnThere }) => !isOwnThere,
    }),
    'one has reached Redis, which it does not know': after(isHold, {
      step: sending(),
      isThere: ({ isOwnThere }) => isOwnThere,
    }),
    'a large one has reached Redis in part': before(isHold, {
      step: sending({ filler: FILLER }),
      isThere: ({ isOwnThere }) => !isOwnThere,
    }),
    'a large one has reached Redis, which it does not know': after(isEndOfTransaction, {
      step: sending({ filler: FILLER }),
      isThere: ({ isOwnThere }) => isOwnThere,
    }),
  },
  stops: {
    'what still runs is not given back': before(isRelease, {
      step: slowly,
      isThere: stillRan,
      strike: stopping,
    }),
    'what still ran is given back, which it does not know': after(isRelease, {
      step: slowly,
      strike: stopping,
    }),
    'it has not left': before(isEndOfConsumer, { step: busy, strike: stopping }),
  },
};

/** Those run when the first process dies. */
const SUSPECTS = ['k0-1', 'k1-1', 'k2-1'];
const isSuspect = ({ id }: { readonly id: string }): boolean => SUSPECTS.includes(id);

/** In each of them a process dies that finds what others held before it. */
const GAPS_OF_RECLAIMERS: readonly Gap[] = [
  before(isEndOfConsumer, { isThere: ({ suspects }) => suspects.length === 0 }),
  after(isEndOfConsumer, { isThere: ({ suspects }) => suspects.length > 0 }),
  after(isNextSuspect, {
    isThere: ({ held }) => held.some((one) => isSuspect(one) && one.event === undefined),
  }),
  before(isSettling, {
    isThere: ({ held }) => held.some((one) => isSuspect(one) && one.event === 'end'),
  }),
];

async function openPlay(): Promise<GapPlay> {
  const { redis, prefix } = rig;
  const scene = await KeyedScene.open(rig, OPTIONS);
  const options = { connection: redis.url, prefix, requestTimeoutMs: 60_000 };
  return new GapPlay(rig, scene, rig.closeLater(new RedisQueueClient(options)));
}

describe('a queue with keys, priorities, a limit and a bound', () => {
  test.each(Object.entries(GAPS))(
    'keeps them whenever a process that %s is killed',
    async (_when, gaps) => {
      const play = await openPlay();
      await play.scene.start();
      await play.dieInEach(gaps);
    },
  );

  test('keeps them when each process that takes back what a dead one held is killed at it', async () => {
    const play = await openPlay();
    const { scene } = play;
    const { stage } = scene;
    const first = await scene.start();
    await stage.send(...['k0', 'k1', 'k2'].map((key) => ({ ...scene.next(key), workMs: SLOW_MS })));
    await eventually(() => expect(idsOf(first.journal, 'start').sort()).toEqual(SUSPECTS));
    await scene.sendEach(1, ['k0', 'k1', 'k2', 'k3']);
    await scene.dismiss(first).kill();
    for (const gap of GAPS_OF_RECLAIMERS) await play.dieAloneIn(gap);
    await scene.start();
    await scene.expectKept();
    await scene.expectAllPlaces();
  });
});
