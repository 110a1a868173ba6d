import { expect, test } from '@jest/globals';
import type { AdminBroker } from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease, Settlement } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import type { QueueLimit } from '../../libs/redis-queue-transport/src/core/broker/limit.js';
import { perKeyTerms } from '../../libs/redis-queue-transport/src/core/broker/per-key.js';
import { OutcomeUnknownError } from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import {
  deadLetterElement,
  redrivenElement,
} from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { ENDED_MS } from '../contract/broker-world.js';
import { expectTrueCounts } from '../contract/counted-keys.js';
import { failureIn, ids, keyed, ofKeyIn, prioritised } from '../contract/elements.js';
import { RedisWorld } from '../contract/redis-world.js';
import { LEASE_TERMS, withLease } from '../contract/with-lease.js';
import { eventually } from '../support/eventually.js';
import { Proxy } from '../support/proxy.js';
import type { Match } from '../support/proxy.js';
import { redisRig } from '../support/redis-rig.js';
import {
  isAdmission,
  isEmit,
  isEndOfConsumer,
  isExchange,
  isGivingBack,
  isHold,
} from './commands.js';

const rig = redisRig();
const world = new RedisWorld(rig);

const GROUP = 'g';
const HOUR_MS = 3_600_000;
/** Three of a key may go at once, and then one in two minutes. */
const PACE = { running: 2, rate: 30, perMs: HOUR_MS };
const INTERVAL_MS = 120_000;
const PART = { from: undefined, offset: 0, count: 1, isNewestFirst: false };
const NEVER = new AbortController().signal;

const isScriptOfAdmin: Match = ([name = ''], connection) =>
  name.startsWith('EVAL') && connection.startsWith('rq-admin-');

/** A queue of a group in which `a1`, `a2` and `b1` may be taken, and `a3` to `a5` wait in their lane. */
interface Place {
  readonly event: string;
  readonly queue: string;
  readonly broker: Broker;
  readonly admin: AdminBroker;
  readonly lease: Lease;
  join(limit?: QueueLimit): Promise<Lease>;
  /** Does it, or does it twice because the first reply was lost. */
  call<T>(match: Match, verb: () => Promise<T>): Promise<T>;
  /** Fails in the place where replies are lost, and does it once in the other. */
  fails(match: Match, verb: () => Promise<unknown>): Promise<void>;
  taken(): Promise<readonly [Buffer, Buffer, Buffer]>;
}

async function placeOf(event: string, proxy?: Proxy): Promise<Place> {
  const queue = `@${GROUP}/${event}`;
  const url = proxy?.url ?? rig.connection;
  const broker = await world.open(url);
  const admin = world.openAdmin(url);
  await broker.declare({ pattern: event, groups: [GROUP] });
  await broker.noteTerms(queue, perKeyTerms(PACE));
  const join = async (limit?: QueueLimit): Promise<Lease> => {
    const joined = await broker.join(queue, { ...LEASE_TERMS, limit }, () => undefined);
    rig.closeLater({ close: () => joined.leave() });
    return joined;
  };
  const lease = await join();
  for (const name of ['a1', 'a2', 'a3', 'b1', 'a4']) await broker.push(queue, name, ofKeyIn(name));
  await broker.push(queue, 'a5', prioritised(9, 'a5', 'a'));
  await admin.lengths(queue);
  const fails: Place['fails'] = async (match, verb) => {
    if (proxy === undefined) return void (await verb());
    const fault = proxy.dropReply(match);
    await expect(verb()).rejects.toThrow(OutcomeUnknownError);
    await fault.happened;
  };
  return {
    event,
    queue,
    broker,
    admin,
    lease,
    join,
    fails,
    call: async (match, verb) => {
      if (proxy !== undefined) await fails(match, verb);
      // Some calls do not wait until the connection is there again.
      return eventually(verb);
    },
    taken: async () => {
      const { taken } = withLease(await lease.exchange([], 3));
      const [a1, a2, b1] = taken;
      if (a1 === undefined || a2 === undefined || b1 === undefined)
        throw new Error('Too few were taken.');
      return [a1, a2, b1];
    },
  };
}

/** Everything of the queue that a call could do twice. */
async function stateOf({ queue }: Place): Promise<unknown> {
  const dump = await world.dump(queue);
  expectTrueCounts(dump);
  const paces = await Promise.all(
    ['a', 'b', 'c'].map(async (key) => {
      const leftMs = await rig.commands.pttl(`${world.key(queue, 'resting')}:${key}`);
      return Math.round(leftMs / INTERVAL_MS);
    }),
  );
  return {
    waiting: ids(dump.waiting),
    levels: [...dump.levels].map(([level, elements]) => [level, ids(elements)]),
    lanes: [...dump.lanes].map(([key, elements]) => [key, ids(elements)]),
    suspects: ids(dump.suspects),
    held: ids([...dump.processing.values()].flat()),
    delayed: ids(dump.delayed).sort(),
    dead: ids(dump.dead),
    out: [...dump.out].sort(),
    resting: [...dump.resting.keys()].sort(),
    expired: dump.expired,
    paces,
  };
}

function retry(element: Buffer, delayMs: number, slows = {}): Settlement {
  const replacement = withNextAttempt(element, 'new');
  return { kind: 'retry', element, replacement, delayMs, ...slows };
}

function dead(element: Buffer, queue: string): Settlement {
  const replacement = deadLetterElement(element, failureIn(queue));
  return { kind: 'deadLetter', element, replacement };
}

/** Settles a part of what was taken. */
function settling(
  settlementsOf: (taken: readonly [Buffer, Buffer, Buffer], queue: string) => Settlement[],
): (place: Place) => Promise<void> {
  return async ({ call, lease, queue, taken }) => {
    const settlements = settlementsOf(await taken(), queue);
    await call(isExchange, () => lease.exchange(settlements, 0));
  };
}

async function deadLetterIn({ admin, lease, queue, taken }: Place) {
  const [a1, a2, b1] = await taken();
  await lease.exchange([dead(b1, queue), ...[a1, a2].map((element) => retry(element, 0))], 0);
  const [letter] = await admin.deadLetters(queue, PART);
  if (letter === undefined) throw new Error('There is no dead letter.');
  return { ...letter, element: redrivenElement(letter.element) };
}

const SCRIPTS: Readonly<Record<string, (place: Place) => Promise<unknown>>> = {
  'a push': ({ broker, call, queue }) =>
    call(isHold, () => broker.push(queue, 'c1', keyed('c', 'c1'), { deduplicateMs: HOUR_MS })),
  'a push into a lane': ({ broker, call, queue }) =>
    call(isHold, () => broker.push(queue, 'a6', keyed('a', 'a6'), { deduplicateMs: HOUR_MS })),
  'an event': ({ broker, call, event }) =>
    call(isEmit, () => broker.publish(event, 'c1', keyed('c', 'c1'), { deduplicateMs: HOUR_MS })),
  'settling the oldest': settling(([a1]) => [{ kind: 'ack', element: a1 }]),
  'settling all': settling((all) => all.map((element) => ({ kind: 'ack', element }))),
  'settling others': settling(([, a2]) => [{ kind: 'ack', element: a2 }]),
  skipping: settling(([a1]) => [{ kind: 'skip', element: a1, why: 'expired' }]),
  'dead-lettering': settling(([a1], queue) => [dead(a1, queue)]),
  'a retry': settling(([a1, a2]) => [retry(a1, HOUR_MS), retry(a2, 0)]),
  'a slowed key': settling(([a1, a2]) => [
    retry(a1, HOUR_MS, { slowsKey: true }),
    { kind: 'ack', element: a2 },
  ]),
  'a release': settling((all) => all.map((element) => ({ kind: 'release', element }))),
  'settling and taking': async ({ call, lease, taken }) => {
    const [a1, a2] = await taken();
    const acks = [a1, a2].map((element) => ({ kind: 'ack', element }) as const);
    await call(isExchange, () => lease.exchange(acks, 5));
  },
  'letting what is due go': async ({ broker, call, lease, queue }) => {
    await broker.push(queue, 'b2', keyed('b', 'b2'), { dueMs: broker.nowMs() + HOUR_MS });
    await world.passTime(HOUR_MS, queue);
    await call(isExchange, () => lease.exchange([], 5));
  },
  'letting a rest end': async ({ call, lease, queue, taken }) => {
    const [a1, a2] = await taken();
    await lease.exchange([retry(a1, 60_000, { slowsKey: true }), { kind: 'ack', element: a2 }], 0);
    await world.passTime(60_000, queue);
    await call(isExchange, () => lease.exchange([], 5));
  },
  'giving strays back': async ({ fails, lease }) => {
    await fails(isExchange, () => lease.exchange([], 2));
    await fails(isGivingBack, () => lease.exchange([], 2));
    await lease.exchange([], 5);
  },
  'admitting what a wait brought': async ({ fails, join }) => {
    const limited = await join({ running: 9, rate: 1_000, perMs: 1_000 });
    await fails(isAdmission, () => limited.wait(NEVER));
    await limited.exchange([], 5);
  },
  leaving: async ({ fails, join }) => {
    const leaving = await join();
    await leaving.exchange([], 3);
    await fails(isEndOfConsumer, () => leaving.leave());
    await leaving.leave();
  },
  reclaiming: async ({ call, join, lease, queue }) => {
    const ended = await join();
    await ended.exchange([], 3);
    await world.endLease(queue, ended.consumer);
    await call(isEndOfConsumer, () => lease.reclaim(ended.consumer, ENDED_MS));
  },
  redriving: async (place) => {
    const letter = await deadLetterIn(place);
    await place.call(isScriptOfAdmin, () => place.admin.redrive(place.queue, [letter]));
  },
  'removing one that is out': ({ admin, call, queue }) =>
    call(isScriptOfAdmin, () => admin.remove(queue, Buffer.from(ofKeyIn('a1')))),
  'removing one from its lane': ({ admin, call, queue }) =>
    call(isScriptOfAdmin, () => admin.remove(queue, Buffer.from(ofKeyIn('a4')))),
  purging: ({ admin, call, queue }) => call(isScriptOfAdmin, () => admin.purge(queue, 'all')),
  'pausing a key': ({ admin, call, queue }) =>
    call(isScriptOfAdmin, () => admin.setKeyPaused(queue, 'a', true)),
  'resuming a key': async ({ admin, call, lease, queue, taken }) => {
    const [a1, a2] = await taken();
    await admin.setKeyPaused(queue, 'a', true);
    await lease.exchange(
      [a1, a2].map((element) => ({ kind: 'ack', element })),
      0,
    );
    await call(isScriptOfAdmin, () => admin.setKeyPaused(queue, 'a', false));
  },
  'repairing lanes': async ({ admin, call, queue }) => {
    await world.setOut(queue, 'a', 1);
    await call(isScriptOfAdmin, () => admin.repairLanes(queue));
  },
};

test.each(Object.entries(SCRIPTS))(
  'a lost reply to %s doubles no count, and loses no place',
  async (_name, work) => {
    world.expectFenced();
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const places = [await placeOf('plain'), await placeOf('lost', proxy)] as const;
    for (const place of places) await work(place);
    const [plain, lost] = await Promise.all(places.map(stateOf));
    expect(lost).toEqual(plain);
    expect(proxy.counts.cut).toBeGreaterThan(0);
  },
);
