import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type {
  Exchange,
  Lease,
  Settlement,
} from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { OutcomeUnknownError } from '../../libs/redis-queue-transport/src/core/errors/call-errors.js';
import { withNextAttempt } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { brought, counts, element, ids, keyed } from '../contract/elements.js';
import { RedisWorld } from '../contract/redis-world.js';
import { eventually } from '../support/eventually.js';
import { Proxy } from '../support/proxy.js';
import { heldIn } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import {
  isBlmove,
  isCommandConnection,
  isExchange,
  isGivingBack,
  isPush,
  isSettling,
  isTake,
  isWaitConnection,
} from './commands.js';
import { Stopwatch } from '../support/stopwatch.js';

const rig = redisRig();
const world = new RedisWorld(rig);

const QUEUE = 'q';
const TERMS = {
  leaseMs: 60_000,
  deadLetterLimit: 10,
  deadLetterMaxAgeMs: 3_600_000,
  onceMs: 0,
  waitMs: 500,
};
const NEVER = new AbortController().signal;

type Retry = Extract<Settlement, { kind: 'retry' }>;

let proxy: Proxy;
/** Goes through the proxy. */
let broker: Broker;
/** Goes around the proxy. */
let direct: Broker;

beforeEach(async () => {
  world.expectFenced();
  proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  direct = await world.open();
  broker = await world.open(proxy.url);
});

async function join(from: Broker = broker): Promise<Lease> {
  const lease = await from.join(QUEUE, TERMS, () => undefined);
  rig.closeLater({ close: () => lease.leave() });
  return lease;
}

async function pushAll(...names: string[]): Promise<void> {
  for (const name of names) await direct.push(QUEUE, name, element(name));
}

/** As many as Redis sees. */
async function commandConnections(): Promise<number> {
  return String(await rig.commands.client('LIST')).split(' name=rq-commands-').length - 1;
}

async function exchange(lease: Lease, acks: readonly Buffer[], take: number): Promise<Exchange> {
  const reply = await lease.exchange(
    acks.map((bytes) => ({ kind: 'ack', element: bytes })),
    take,
  );
  if (reply === 'leaseLost') throw new Error('The lease was lost.');
  return reply;
}

describe('a push', () => {
  test('whose request was lost has an unknown outcome, and the error names the message', async () => {
    proxy.dropRequest(isPush);
    const failure = await failureOf(broker.push(QUEUE, 'a', element('a')));
    expect(failure).toBeInstanceOf(OutcomeUnknownError);
    // Users cannot reach that setting of ioredis.
    expect(String(failure)).not.toContain('maxRetriesPerRequest');
    expect(failure).toMatchObject({ code: 'OUTCOME_UNKNOWN', messageId: 'a' });
    expect((await world.dump(QUEUE)).waiting).toEqual([]);
  });

  test('whose answer was lost has an unknown outcome, and is held', async () => {
    proxy.dropReply(isPush);
    const failure = await failureOf(broker.push(QUEUE, 'a', element('a')));
    expect(failure).toMatchObject({ code: 'OUTCOME_UNKNOWN', messageId: 'a' });
    expect(ids((await world.dump(QUEUE)).waiting)).toEqual(['a']);
  });

  test('whose answer came in half has an unknown outcome', async () => {
    proxy.cutReply(isPush);
    await expect(broker.push(QUEUE, 'a', element('a'))).rejects.toThrow(OutcomeUnknownError);
  });

  test('names its own message if several shared a command', async () => {
    proxy.dropReply(isPush);
    const failures = await Promise.all(
      ['a', 'b'].map((name) => failureOf(broker.push(QUEUE, name, element(name)))),
    );
    expect(failures).toMatchObject([{ messageId: 'a' }, { messageId: 'b' }]);
  });

  test('over a half-open connection has an unknown outcome after the deadline', async () => {
    await broker.isServed(QUEUE);
    expect(proxy.goSilent(isCommandConnection)).toBe(1);
    await expect(broker.push(QUEUE, 'a', element('a'))).rejects.toThrow(OutcomeUnknownError);
    expect(await broker.push(QUEUE, 'b', element('b'))).toBe('added');
    expect(ids((await world.dump(QUEUE)).waiting)).toEqual(['b']);
  });

  test('is held once, and never sent again by itself', async () => {
    for (let round = 0; round < 10; round += 1) {
      proxy.dropReply(isPush);
      await failureOf(broker.push(QUEUE, `m${round}`, element(`m${round}`)));
    }
    const waiting = ids((await world.dump(QUEUE)).waiting);
    expect(waiting).toEqual(Array.from({ length: 10 }, (_, round) => `m${round}`));
  });
});

describe('an exchange whose answer was lost', () => {
  test('may be given again: what it settled stays settled, what it took is handed out', async () => {
    await pushAll('a', 'b', 'c');
    const lease = await join();
    const [a] = (await exchange(lease, [], 1)).taken;
    proxy.dropReply(isTake);
    await expect(exchange(lease, [a!], 1)).rejects.toThrow(OutcomeUnknownError);
    expect(heldIn(await world.dump(QUEUE))).toBe(1); // b, which the lease does not know of
    const again = await exchange(lease, [a!], 1);
    expect([again.missing, counts(again.taken)]).toEqual([1, ['b 1/0']]);
    const rest = await takeAndAckAll(lease, again.taken);
    expect(counts(rest)).toEqual(['c 1/0']);
    expect(heldIn(await world.dump(QUEUE))).toBe(0);
  });

  test('hands out what it took before the messages that waited behind', async () => {
    await pushAll('a', 'b', 'c', 'd');
    const lease = await join();
    proxy.dropReply(isTake);
    await expect(exchange(lease, [], 2)).rejects.toThrow(OutcomeUnknownError);
    expect(ids((await exchange(lease, [], 4)).taken)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('leaves no more in the list of a busy consumer than it asked for', async () => {
    await pushAll('a', 'b', 'c', 'd');
    const lease = await join();
    proxy.dropReply(isTake);
    await expect(exchange(lease, [], 2)).rejects.toThrow(OutcomeUnknownError);
    // After this, the consumer's places are full, and it may not call again as long as its handlers take.
    expect((await exchange(lease, [], 2)).taken).toHaveLength(2);
    expect(heldIn(await world.dump(QUEUE))).toBe(2);
  });

  test('hands out again what is not given back once more by a command that is executed late', async () => {
    await pushAll('a', 'b');
    const lease = await join();
    proxy.dropReply(isTake);
    await expect(exchange(lease, [], 1)).rejects.toThrow(OutcomeUnknownError);
    const late = proxy.holdRequest(isGivingBack);
    await expect(exchange(lease, [], 1)).rejects.toThrow(OutcomeUnknownError);
    const [again] = (await exchange(lease, [], 1)).taken;
    const before = await commandConnections();
    late.release();
    // It would give something back once the held-back call has been executed.
    await eventually(async () => expect(await commandConnections()).toBe(before - 1));
    expect(ids((await world.dump(QUEUE)).waiting)).toEqual(['b']);
    expect((await exchange(lease, [again!], 0)).missing).toBe(0);
  });

  test('never settles another message with the same bytes when it is given again', async () => {
    await world.pushForeign(QUEUE, 'tick', 'tick', 'tick');
    const lease = await join();
    const [first] = (await exchange(lease, [], 2)).taken;
    proxy.dropReply(isTake);
    // It settles the first, and takes the third.
    await expect(exchange(lease, [first!], 1)).rejects.toThrow(OutcomeUnknownError);
    await exchange(lease, [first!], 0);
    // The second still runs, and the third has not been handed out.
    const dump = await world.dump(QUEUE);
    expect([heldIn(dump), dump.waiting.map(String)]).toEqual([1, ['tick']]);
  });

  test('hands out again what it cannot tell from others, if nothing was executed', async () => {
    await world.pushForeign(QUEUE, 'tick', 'tick');
    const lease = await join();
    const [first] = (await exchange(lease, [], 2)).taken;
    proxy.dropRequest(isSettling);
    await expect(exchange(lease, [first!], 0)).rejects.toThrow(OutcomeUnknownError);
    expect((await exchange(lease, [first!], 0)).missing).toBe(1);
    const dump = await world.dump(QUEUE);
    expect([heldIn(dump), dump.waiting.map(String)]).toEqual([1, ['tick']]);
  });

  test('does not let its count settle messages that came late into the list meanwhile', async () => {
    await pushAll('a', 'b');
    const lease = await join();
    const [a, b] = (await exchange(lease, [], 2)).taken;
    proxy.dropReply(isSettling);
    await expect(exchange(lease, [a!], 0)).rejects.toThrow(OutcomeUnknownError);
    await pushAll('c');
    const again = proxy.holdRequest(isSettling);
    const reply = exchange(lease, [a!, b!], 0);
    await again.happened;
    // A take that was given up long ago: the list holds as many as are to be settled, but others.
    await world.lateTake(QUEUE, lease.consumer);
    again.release();
    expect((await reply).missing).toBe(1);
    const dump = await world.dump(QUEUE);
    expect(ids(dump.processing.get(lease.consumer) ?? [])).toEqual(['c']);
  });

  test('does not let its count settle another message that begins alike, if it is executed late', async () => {
    const alike = 'x'.repeat(200);
    await world.pushForeign(QUEUE, `${alike}1`, `${alike}2`);
    const lease = await join();
    const [first] = (await exchange(lease, [], 1)).taken;
    const late = proxy.holdRequest(isSettling);
    await expect(exchange(lease, [first!], 0)).rejects.toThrow(OutcomeUnknownError);
    // The element without an id was given up, and is handed out again.
    const [again] = (await exchange(lease, [], 1)).taken;
    const [second] = (await exchange(lease, [again!], 1)).taken;
    expect(String(second)).toBe(`${alike}2`);
    const before = await commandConnections();
    late.release();
    // It is settled once the held-back call has been executed.
    await eventually(async () => expect(await commandConnections()).toBe(before - 1));
    expect(heldIn(await world.dump(QUEUE))).toBe(1);
    expect((await exchange(lease, [second!], 0)).missing).toBe(0);
  });

  test('keeps the place of a message that was released', async () => {
    await pushAll('a', 'b');
    const lease = await join();
    const [a] = (await exchange(lease, [], 1)).taken;
    proxy.dropReply(isSettling);
    const release = [{ kind: 'release', element: a! }] as const;
    await expect(lease.exchange(release, 0)).rejects.toThrow(OutcomeUnknownError);
    await lease.exchange(release, 0);
    expect(ids((await world.dump(QUEUE)).waiting)).toEqual(['a', 'b']);
  });
});

describe('an exchange that slows something down, and whose answer was lost', () => {
  async function repeated(slows: Pick<Retry, 'slowsQueue' | 'slowsKey'>): Promise<void> {
    for (const name of ['a1', 'a2']) await direct.push(QUEUE, name, keyed('a', name));
    const lease = await join();
    const [a] = (await exchange(lease, [], 1)).taken;
    const replacement = withNextAttempt(a!, 'a1');
    const retry = { kind: 'retry', element: a!, replacement, delayMs: 60_000, ...slows } as const;
    proxy.dropReply(isSettling);
    await expect(lease.exchange([retry], 0)).rejects.toThrow(OutcomeUnknownError);
    // The time is over, or somebody let it go on, before it is sent again.
    expect(await rig.commands.exists(world.key(QUEUE, 'slowed'))).toBe(slows.slowsQueue ? 1 : 0);
    await rig.commands.del(world.key(QUEUE, 'slowed'));
    await world.openAdmin().setKeyPaused(QUEUE, 'a', false);
    expect(await lease.exchange([retry], 5)).toMatchObject({ missing: 1 });
  }

  test('does not slow the queue down anew when it is given again', async () => {
    await repeated({ slowsQueue: true });
    expect(await rig.commands.exists(world.key(QUEUE, 'slowed'))).toBe(0);
  });

  test('does not slow the key down anew when it is given again', async () => {
    await repeated({ slowsKey: true });
    const { out, resting } = await world.dump(QUEUE);
    expect([[...out], [...resting]]).toEqual([[['a', 1]], []]);
  });
});

describe('a wait whose answer was lost', () => {
  test('leaves no orphan: what it took is handed out again', async () => {
    const lease = await join();
    proxy.dropReply(isBlmove);
    const waited = failureOf(lease.wait(NEVER));
    await pushAll('a');
    expect(await waited).toBeInstanceOf(OutcomeUnknownError);
    expect(heldIn(await world.dump(QUEUE))).toBe(1);
    const seen = await takeAndAckAll(lease);
    expect(counts(seen)).toEqual(['a 1/0']);
    expect(heldIn(await world.dump(QUEUE))).toBe(0);
  });

  test('takes nothing for a lease that a new Redis has forgotten', async () => {
    const lease = await join();
    proxy.dropRequest(isBlmove);
    expect(await failureOf(lease.wait(NEVER))).toBeInstanceOf(OutcomeUnknownError);
    await rig.commands.del(world.key(QUEUE, 'consumers'));
    await pushAll('a');
    // The consumers that watch the queue do not know this one, and would never look into its list.
    await eventually(async () => expect(await lease.wait(NEVER)).toBe('leaseLost'));
    expect(ids((await world.dump(QUEUE)).waiting)).toEqual(['a']);
  });

  test('is noticed over a half-open connection, a little after its time', async () => {
    const lease = await join();
    await lease.exchange([], 0);
    const waited = failureOf(lease.wait(NEVER));
    // Before that, the connection may still be opening, and then nothing would have been sent.
    await eventually(async () =>
      expect(await rig.commands.info('clients')).toContain('blocked_clients:1\r\n'),
    );
    expect(proxy.goSilent(isWaitConnection)).toBe(1);
    expect(await waited).toBeInstanceOf(OutcomeUnknownError);
    await pushAll('a');
    const seen = await takeAndAckAll(lease);
    expect(counts(seen)).toEqual(['a 1/0']);
  });

  test('is not mistaken for one whose answer is only late', async () => {
    const lease = await join();
    const late = proxy.holdReply(isBlmove);
    const wait = lease.wait(NEVER);
    await pushAll('a');
    await late.happened;
    // The lease now has a reason to look for strays in its list, where the message is.
    proxy.dropReply(isExchange);
    await expect(exchange(lease, [], 0)).rejects.toThrow(OutcomeUnknownError);
    await exchange(lease, [], 0);
    late.release();
    expect(ids([await brought(wait)])).toEqual(['a']);
    // While this consumer runs it, it must not be handed to another one as well.
    const dump = await world.dump(QUEUE);
    expect(ids(dump.waiting)).toEqual([]);
    expect(ids(dump.processing.get(lease.consumer) ?? [])).toEqual(['a']);
  });

  test('keeps what it took from being settled in place of another message', async () => {
    await pushAll('a');
    const lease = await join();
    const [a] = (await exchange(lease, [], 1)).taken;
    const late = proxy.holdReply(isBlmove);
    const wait = lease.wait(NEVER);
    proxy.dropReply(isSettling);
    await expect(exchange(lease, [a!], 0)).rejects.toThrow(OutcomeUnknownError);
    await pushAll('b');
    await late.happened;
    // The lease believes that it holds only a, but its list holds only b.
    expect((await exchange(lease, [a!], 0)).missing).toBe(1);
    late.release();
    expect(ids([await brought(wait)])).toEqual(['b']);
    expect(ids((await world.dump(QUEUE)).processing.get(lease.consumer) ?? [])).toEqual(['b']);
  });

  test('ends soon after its signal fires, even if its command is still under way then', async () => {
    const lease = await join();
    await lease.exchange([], 0);
    const slow = proxy.holdRequest(isBlmove);
    const signal = new AbortController();
    const waited = lease.wait(signal.signal);
    await slow.happened;
    const asked = proxy.counts.replies;
    signal.abort();
    // Redis has been asked to end a wait that it does not know yet.
    await eventually(() => expect(proxy.counts.replies).toBeGreaterThan(asked + 1));
    slow.release();
    const watch = Stopwatch.start();
    expect(await waited).toBeUndefined();
    watch.expectAtMost(TERMS.waitMs / 2);
  });

  test('and whose command comes late leaves a list that is watched, even after the consumer has left', async () => {
    const leaving = await broker.join(QUEUE, TERMS, () => undefined);
    const late = proxy.holdRequest(isBlmove);
    const waited = failureOf(leaving.wait(NEVER));
    await late.happened;
    proxy.goSilent((connection) => connection === 'none');
    expect(await waited).toBeInstanceOf(OutcomeUnknownError); // after the deadline of the blocking call
    expect(await leaving.wait(NEVER)).toBeUndefined(); // the next one worked
    await leaving.leave();
    await pushAll('a');
    late.release();
    await eventually(async () => expect(heldIn(await world.dump(QUEUE))).toBe(1));
    const lease = await join(direct);
    await world.age(QUEUE, TERMS.leaseMs / 2);
    const renewal = await lease.renew();
    if (renewal === 'leaseLost') throw new Error('The lease was lost.');
    for (const consumer of await lease.findLateTakes(renewal.fenced)) await lease.reclaim(consumer);
    expect(counts((await world.dump(QUEUE)).waiting)).toEqual(['a 1/0']);
  });
});

describe('other verbs', () => {
  test('whose answers are lost leave nothing that hangs', async () => {
    const lease = await join();
    const list = `${rig.prefix}:{reply:x}:replies`;
    rig.mayRemain(/:replies$/);
    const isAny = (words: readonly string[]): boolean => words[0] !== 'HELLO';
    const verbs: (() => Promise<unknown>)[] = [
      () => lease.renew(),
      () => lease.reclaim('nobody'),
      () => lease.wasHandled('x'),
      () => broker.publish('e', 'm', ''),
      () => broker.reply(list, 'x', 1),
      () => lease.exchange([], 1),
    ];
    for (const verb of verbs) {
      await eventually(async () => expect(await direct.isServed(QUEUE)).toBe(true));
      await eventually(async () => lease.renew());
      proxy.dropReply((words, connection) => isAny(words) && isCommandConnection(connection));
      await expect(verb()).rejects.toThrow(OutcomeUnknownError);
    }
    await eventually(async () => lease.renew());
  });

  test('work over a slow connection', async () => {
    proxy.slowDown(15);
    const lease = await join();
    const wait = lease.wait(NEVER);
    await broker.push(QUEUE, 'a', element('a'));
    await exchange(lease, [await brought(wait)], 0);
    expect(heldIn(await world.dump(QUEUE))).toBe(0);
  });

  test('go through the proxy at all', async () => {
    const lease = await join();
    await exchange(lease, [], 0);
    expect(proxy.connections.some(isCommandConnection)).toBe(true);
    expect(proxy.counts.requests).toBeGreaterThan(3);
    const fault = proxy.dropReply(isExchange);
    await failureOf(exchange(lease, [], 1));
    await fault.happened;
    expect(proxy.counts).toMatchObject({ cut: 1, swallowed: 1 });
  });
});

/** Exchanges as a consumer does until nothing comes, and acknowledges what came. */
async function takeAndAckAll(lease: Lease, held: readonly Buffer[] = []): Promise<Buffer[]> {
  const seen: Buffer[] = [];
  let acks = held;
  await eventually(async () => {
    const { taken } = await exchange(lease, acks, 5);
    acks = taken;
    seen.push(...taken);
    const dump = await world.dump(QUEUE);
    expect([dump.waiting.length, heldIn(dump), taken.length]).toEqual([0, 0, 0]);
  });
  return seen;
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
