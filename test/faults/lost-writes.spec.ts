import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type {
  Exchange,
  Lease,
  Settlement,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { deadLetterElement } from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { brought, element, failureIn, ids, keyed } from '../contract/elements.js';
import { RedisWorld } from '../contract/redis-world.js';
import { LEASE_TERMS, withLease } from '../contract/with-lease.js';
import { eventually } from '../support/eventually.js';
import { Proxy } from '../support/proxy.js';
import { redisRig } from '../support/redis-rig.js';
import { isCounting } from './commands.js';

const rig = redisRig();
const world = new RedisWorld(rig);

const QUEUE = 'q';
const TERMS = { ...LEASE_TERMS, leaseMs: 60_000 };
const NEVER = new AbortController().signal;

/** All keys of the queue, as they were. */
type Snapshot = ReadonlyMap<string, Buffer>;

let proxy: Proxy;
/** Goes through the proxy, as its lease. */
let broker: Broker;
let lease: Lease;

beforeEach(async () => {
  world.expectFenced();
  proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  broker = await world.open(proxy.url);
  lease = await broker.join(QUEUE, TERMS, () => undefined);
  rig.closeLater({ close: () => lease.leave() });
});

async function keysOfQueue(): Promise<string[]> {
  return rig.commands.keys(`${world.key(QUEUE, '*')}`);
}

async function snapshot(): Promise<Snapshot> {
  const found = new Map<string, Buffer>();
  for (const key of await keysOfQueue()) found.set(key, await rig.commands.dumpBuffer(key));
  return found;
}

/** The connections for commands, by the ids that Redis gives them. */
async function commandConnections(): Promise<string[]> {
  const clients = String(await rig.commands.client('LIST')).split('\n');
  const lines = clients.filter((line) => line.includes(' name=rq-commands-'));
  return lines.map((line) => /id=(\d+)/.exec(line)?.[1] ?? '');
}

/** Redis has forgotten what came after that. The consumer was cut off while it had no call under way, and is back. */
async function comesBackAs(before: Snapshot): Promise<void> {
  const known = await commandConnections();
  proxy.refuse(true);
  proxy.cut();
  await rig.commands.del(...(await keysOfQueue()));
  for (const [key, bytes] of before) await rig.commands.restore(key, 0, bytes);
  proxy.refuse(false);
  await eventually(async () => {
    const opened = (await commandConnections()).filter((id) => !known.includes(id));
    expect(opened).toHaveLength(1);
  });
}

async function push(...elements: readonly ReturnType<typeof element>[]): Promise<void> {
  for (const each of elements) await broker.push(QUEUE, 'tick', each);
}

async function exchange(settlements: readonly Settlement[], take: number): Promise<Exchange> {
  return withLease(await lease.exchange(settlements, take));
}

function acks(...elements: readonly Buffer[]): Settlement[] {
  return elements.map((each) => ({ kind: 'ack', element: each }));
}

function named(id: string, elements: readonly Buffer[]): Buffer[] {
  return elements.filter((each) => ids([each])[0] === id);
}

/** The ids of all that is in the queue, wherever it is. */
async function there(): Promise<(string | undefined)[]> {
  const { waiting, processing, delayed, dead, suspects, lanes } = await world.dump(QUEUE);
  const held = [...processing.values(), ...lanes.values()].flat();
  return ids([...waiting, ...held, ...delayed, ...dead, ...suspects]).toSorted();
}

const NOT_HANDLED: Readonly<Record<string, (taken: Buffer) => Settlement>> = {
  'is to be tried again': (taken) => ({
    kind: 'retry',
    element: taken,
    replacement: withNextAttempt(taken, 'unused'),
    delayMs: 60_000,
  }),
  'was dead-lettered': (taken) => ({
    kind: 'deadLetter',
    element: taken,
    replacement: deadLetterElement(taken, failureIn(QUEUE)),
  }),
};

describe('a consumer whose Redis comes back without its last writes', () => {
  describe.each([
    ['without keys', element],
    ['with keys', (id: string) => keyed(id, id)],
  ])('and has messages %s', (_, messageOf) => {
    test.each(Object.entries(NOT_HANDLED))(
      'does not settle one that %s as far as it knows, and is in its list again',
      async (__, settle) => {
        await push(messageOf('a'), messageOf('b'));
        const [a] = (await exchange([], 1)).taken;
        const before = await snapshot();
        const [b] = (await exchange([settle(a!)], 1)).taken;
        expect(ids([b!])).toEqual(['b']);

        await comesBackAs(before);

        const again = (await exchange([], 2)).taken;
        await exchange(acks(b!, ...named('b', again)), 0);
        expect(await there()).toEqual(['a']);
        expect(ids([...again, ...(await exchange([], 2)).taken])).toContain('a');
      },
    );

    test('does not settle one in place of another that a wait has taken anew', async () => {
      await push(messageOf('a'), messageOf('b'));
      const [a] = (await exchange([], 1)).taken;
      const before = await snapshot();
      const [b] = (await exchange([NOT_HANDLED['is to be tried again']!(a!)], 1)).taken;

      await comesBackAs(before);

      const again = await eventually(() => brought(lease.wait(NEVER)));
      expect(ids([again])).toEqual(['b']);
      await exchange(acks(b!, again), 0);
      expect(await there()).toEqual(['a']);
      expect(ids((await exchange([], 1)).taken)).toEqual(['a']);
    });

    test('does not settle one in place of another if it had given back two and taken them in another order', async () => {
      await push(...['a', 'b', 'c', 'd'].map((id) => messageOf(id)));
      const [a, b, c, d] = (await exchange([], 4)).taken;
      const before = await snapshot();
      await exchange([{ kind: 'release', element: a! }], 0);
      await exchange([{ kind: 'release', element: c! }], 0);
      const [c2, a2] = (await exchange([], 2)).taken;
      expect(ids([c2!, a2!])).toEqual(['c', 'a']);

      await comesBackAs(before);
      await exchange([], 0);

      // The third in its list is the third that it knows.
      await exchange(acks(b!, d!, c2!), 0);
      expect(await there()).toEqual(['a']);
      expect((await exchange(acks(a2!), 0)).missing).toBe(0);
    });
  });

  test('notices what a late command takes, even while it runs what Redis has lost', async () => {
    await push(element('a'), element('b'));
    const before = await snapshot();
    const [a] = (await exchange([], 1)).taken;
    expect(ids([a!])).toEqual(['a']);

    await comesBackAs(before);
    await exchange([], 0);
    const processing = world.key(QUEUE, `processing:${lease.consumer}`);
    await rig.commands.lmove(world.key(QUEUE, 'waiting'), processing, 'LEFT', 'RIGHT');

    // It knows of `a`, and its list has one too.
    await exchange([], 0);
    expect(ids((await exchange([], 2)).taken)).toEqual(['a', 'b']);
  });

  test('hands out again what it had settled', async () => {
    await push(element('a'), element('b'));
    const [a] = (await exchange([], 1)).taken;
    const before = await snapshot();
    await exchange(acks(a!), 1);

    await comesBackAs(before);

    expect(ids((await exchange([], 2)).taken)).toEqual(['a', 'b']);
  });

  test('records again the terms of its queue that Redis has lost', async () => {
    const before = await snapshot();
    await broker.noteTerms(QUEUE, { maxLength: '1' });

    await comesBackAs(before);

    const terms = (): Promise<Record<string, string>> =>
      rig.commands.hgetall(world.key(QUEUE, 'terms'));
    await eventually(async () => {
      await lease.renew().catch(() => undefined);
      expect(await terms()).toMatchObject({ maxLength: '1' });
    });
  });

  test('settles by count again once its list is known', async () => {
    await push(element('a'), element('b'));
    const [a] = (await exchange([], 2)).taken;

    await comesBackAs(await snapshot());

    const counted = proxy.holdRequest(isCounting);
    const settled = exchange(acks(a!), 0);
    await counted.happened;
    counted.release();
    await settled;
    expect(await there()).toEqual(['b']);
  });
});
