import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type {
  AdminBroker,
  DeadElement,
  DeadLetterPart,
} from '../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import type { WakeNews } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import { InvalidPatternError } from '../../libs/redis-queue-transport/src/core/errors/start-errors.js';
import { redrivenElement } from '../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import { eventually } from '../support/eventually.js';
import { ENDED_MS } from './broker-world.js';
import type { QueueWorld } from './broker-world.js';
import { DrivenQueue } from './driven-queue.js';
import { brought, counts, element, ids } from './elements.js';

const LATER = 3_600_000;
/** Texts that name no dead letter, some of which mean something to Redis. */
const NO_ENTRIES = ['', '0', '0-0', '9-9', '1-', '-', '+', '(1-0', '*', '$', 'ä', '1-0\n', '%d+'];
const EVERY_LETTER: DeadLetterPart = {
  from: undefined,
  offset: 0,
  count: 1_000,
  isNewestFirst: false,
};

/** What every broker offers to those who look into queues and manage them. To be called within a `describe`. */
export function adminContract(world: QueueWorld): void {
  let queue: DrivenQueue;
  let admin: AdminBroker;

  beforeEach(() => {
    queue = new DrivenQueue(world, 'orders.place');
    admin = world.openAdmin();
  });

  afterEach(() => queue.leaveAll());

  async function waitingIds(): Promise<(string | undefined)[]> {
    return ids((await queue.dump()).waiting);
  }

  function letters(part: Partial<DeadLetterPart> = {}): Promise<readonly DeadElement[]> {
    return admin.deadLetters(queue.name, { ...EVERY_LETTER, ...part });
  }

  async function letterIds(part: Partial<DeadLetterPart> = {}): Promise<(string | undefined)[]> {
    return ids((await letters(part)).map((letter) => letter.element));
  }

  /** One message in each place: waiting, suspect, held by a live and an ended consumer, late, delayed, dead. */
  async function fill(): Promise<void> {
    await queue.deadLetter('dead');
    await queue.pushAll('crashed', 'held', 'ended', 'late', 'waits');
    await queue.reclaim(await queue.crashed(1));
    await queue.take(await queue.join(), 1);
    await queue.crashed(1);
    const late = await queue.crashed(0);
    await queue.reclaim(late);
    await world.lateTake(queue.name, late);
    await queue.pushLater('later', LATER);
  }

  /** So that the world has no ended consumer and no late take left. */
  async function settleFates(): Promise<void> {
    const lease = await queue.join();
    for (const { name } of await admin.consumers(queue.name))
      if (name !== lease.consumer) await lease.reclaim(name, ENDED_MS);
  }

  describe('queues', () => {
    test('are those that were ever sent to or served, by name', async () => {
      expect(await admin.queues()).toEqual([]);
      await new DrivenQueue(world, 'b').push('x');
      const served = new DrivenQueue(world, 'c');
      await served.join();
      await new DrivenQueue(world, 'a').push('x');
      await served.leaveAll();
      expect(await admin.queues()).toEqual(['a', 'b', 'c']);
    });
  });

  describe('lengths', () => {
    const NONE = {
      waiting: 0,
      byPriority: {},
      inLanes: 0,
      unkeyed: 0,
      suspects: 0,
      processing: 0,
      delayed: 0,
      dead: 0,
      consumers: 0,
      isPaused: false,
      expired: 0,
      repeated: 0,
      deadLettersDropped: 0,
      copiesDropped: 0,
      maxLength: undefined,
      isFull: false,
      limit: undefined,
      perKey: { running: 1, rate: undefined, perMs: 1_000 },
      order: 'oldestFirst',
      slowedMs: 0,
      rateWaitMs: 0,
    };

    test('of a queue that nobody knows are zero', async () => {
      expect(await admin.lengths('nowhere')).toEqual(NONE);
    });

    test('count what is in each place, in the hands of dead consumers too', async () => {
      await fill();
      await admin.setPaused(queue.name, true);
      expect(await admin.lengths(queue.name)).toEqual({
        ...NONE,
        waiting: 1,
        byPriority: { 4: 1 },
        suspects: 1,
        processing: 3,
        delayed: 1,
        dead: 1,
        consumers: 2,
        isPaused: true,
      });
      await settleFates();
    });

    test('count what was removed unhandled', async () => {
      await queue.pushAll('a', 'b', 'c', 'd', 'e');
      const lease = await queue.join({ deadLetterLimit: 0 });
      const [a, b, c, d] = await queue.take(lease, 4);
      await queue.exchange(lease, [
        { kind: 'skip', element: a!, why: 'expired' },
        { kind: 'skip', element: b!, why: 'repeated' },
        { kind: 'skip', element: c!, why: 'repeated' },
        { kind: 'deadLetter', element: d!, replacement: d! },
      ]);
      const { expired, repeated, deadLettersDropped, dead } = await admin.lengths(queue.name);
      expect([expired, repeated, deadLettersDropped, dead]).toEqual([1, 2, 1, 0]);
    });
  });

  describe('look', () => {
    const sentAt = (atMs: number, front = '', body = '{}'): string =>
      `{"rq":1${front},"id":"m${atMs}","at":${atMs}}\n${body}`;
    const oldest = async (): Promise<number | undefined> =>
      (await admin.look(queue.name)).oldestSentAtMs;

    test('tells the lengths and the time', async () => {
      await queue.pushAll('a', 'b', 'c');
      await queue.take(await queue.join(), 1);
      await queue.pushLater('d', LATER);
      const { lanes, longestLane, oldestSentAtMs, nowMs, ...seen } = await admin.look(queue.name);
      expect(seen).toEqual({ ...(await admin.lengths(queue.name)), queue: queue.name });
      expect([lanes, longestLane, oldestSentAtMs]).toEqual([0, 0, 1]);
      expect(Math.abs(nowMs - (await queue.broker()).nowMs())).toBeLessThan(1_000);
    });

    test('knows no age where nothing waits, and where no message says when it was sent', async () => {
      const { oldestSentAtMs, waiting } = await admin.look('nowhere');
      expect([oldestSentAtMs, waiting]).toEqual([undefined, 0]);
      for (const odd of ['', 'data', '{"at":5}', '{"rq":1,"at":7', '{"rq":1,"at":"8"}\n{}']) {
        await world.pushForeign(queue.name, odd);
        expect(await oldest()).toBeUndefined();
        await admin.purge(queue.name, 'all');
      }
    });

    test('knows when a long message was sent, and not when a giant was', async () => {
      await world.pushForeign(queue.name, sentAt(5, '', 'x'.repeat(50_000)));
      expect(await oldest()).toBe(5);
      await admin.purge(queue.name, 'all');
      await world.pushForeign(queue.name, sentAt(5, '', 'x'.repeat(3_000_000)));
      expect(await oldest()).toBeUndefined();
    });

    test('knows the oldest of all that are first: of the list, of each priority and of each key', async () => {
      const broker = await queue.broker();
      const push = (atMs: number, front = ''): Promise<unknown> =>
        broker.push(queue.name, `m${atMs}`, Buffer.from(sentAt(atMs, front)));
      await push(900);
      await push(100); // behind it
      expect(await oldest()).toBe(900);
      await push(800, ',"priority":9');
      await push(200, ',"priority":9');
      expect(await oldest()).toBe(800);
      await push(700, ',"priority":0');
      expect(await oldest()).toBe(700);
      await push(950, ',"key":"a"');
      expect(await oldest()).toBe(700);
      await push(600, ',"key":"a"');
      await push(300, ',"key":"a"');
      expect(await admin.look(queue.name)).toMatchObject({
        oldestSentAtMs: 600,
        lanes: 1,
        longestLane: 2,
      });
      await push(960, ',"key":"b"');
      await push(500, ',"key":"b","priority":9');
      expect(await admin.look(queue.name)).toMatchObject({
        oldestSentAtMs: 500,
        lanes: 2,
        longestLane: 2,
      });
    });

    test('knows the oldest even if one in front of it says nothing', async () => {
      await world.pushForeign(queue.name, 'x'.repeat(3_000_000));
      const broker = await queue.broker();
      await broker.push(queue.name, 'm5', Buffer.from(sentAt(5, ',"priority":1')));
      expect(await oldest()).toBe(5);
    });

    test('sees the lanes of many keys', async () => {
      const broker = await queue.broker();
      const keys = Array.from({ length: 150 }, (_, n) => `k${n}`);
      for (const round of [1, 2])
        await Promise.all(
          keys.map((key, n) => {
            const atMs = round === 2 && n === 149 ? 3 : 1_000 * round + n;
            return broker.push(
              queue.name,
              `${key}-${round}`,
              Buffer.from(sentAt(atMs, `,"key":"${key}"`)),
            );
          }),
        );
      expect(await admin.look(queue.name)).toMatchObject({
        oldestSentAtMs: 3,
        lanes: 150,
        longestLane: 1,
      });
    });
  });

  describe('consumers', () => {
    test('of a queue without any are none', async () => {
      expect(await admin.consumers('nowhere')).toEqual([]);
    });

    test('are listed with what they hold and the state of their lease', async () => {
      await queue.pushAll('a', 'b', 'c', 'd');
      const live = await queue.join();
      await queue.take(live, 2);
      const ended = await queue.crashed(1);
      const late = await queue.crashed(0);
      const quiet = await queue.crashed(0);
      for (const fenced of [late, quiet]) await queue.reclaim(fenced);
      await world.lateTake(queue.name, late);

      const consumers = await admin.consumers(queue.name);

      const liveUntil = consumers.find(({ name }) => name === live.consumer)?.leaseEndsAt;
      expect(consumers).toHaveLength(3);
      expect(consumers).toEqual(
        expect.arrayContaining([
          { name: live.consumer, state: 'live', leaseEndsAt: liveUntil, held: 2 },
          { name: ended, state: 'ended', leaseEndsAt: new Date(ENDED_MS), held: 1 },
          { name: late, state: 'reclaimed', leaseEndsAt: undefined, held: 1 },
        ]),
      );
      const leftMs = liveUntil!.getTime() - (await queue.broker()).nowMs();
      expect(leftMs).toBeGreaterThan(20_000);
      expect(leftMs).toBeLessThan(31_000);
      await settleFates();
    });
  });

  describe.each(['waiting', 'suspects'] as const)('%s', (place) => {
    test('are listed page by page, the next one first', async () => {
      const elements = ['a', 'b', 'c', 'd', 'e'].map((id) => element(id));
      if (place === 'waiting') await world.pushForeign(queue.name, ...elements);
      else await world.pushSuspects(queue.name, ...elements);
      const page = async (offset: number, count: number): Promise<unknown> =>
        ids(await admin[place](queue.name, offset, count));
      expect(await page(0, 10)).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(await page(0, 2)).toEqual(['a', 'b']);
      expect(await page(2, 2)).toEqual(['c', 'd']);
      expect(await page(4, 2)).toEqual(['e']);
      expect(await page(5, 2)).toEqual([]);
      expect(await admin[place]('nowhere', 0, 10)).toEqual([]);
    });

    test('are listed as they are, whatever they are', async () => {
      const strange = [Buffer.from([0, 255, 10]), Buffer.alloc(0), Buffer.from('{"rq":7}\n')];
      if (place === 'waiting') await world.pushForeign(queue.name, ...strange);
      else await world.pushSuspects(queue.name, ...strange);
      expect(await admin[place](queue.name, 0, 10)).toEqual(strange);
    });
  });

  describe('held', () => {
    test('are listed page by page, consumer by consumer, the oldest first', async () => {
      await queue.pushAll('a', 'b', 'c', 'd', 'e');
      const leases = [await queue.join(), await queue.join()];
      await queue.take(leases[0]!, 2);
      await queue.take(leases[1]!, 1);
      const late = await queue.crashed(0);
      await queue.reclaim(late);
      await world.lateTake(queue.name, late);

      const all = await admin.held(queue.name, 0, 100);

      const of = (name: string): unknown =>
        ids(all.filter(({ consumer }) => consumer === name).map((held) => held.element));
      expect([of(leases[0]!.consumer), of(leases[1]!.consumer)]).toEqual([['a', 'b'], ['c']]);
      expect([of(late), all.length]).toEqual([['d'], 4]);
      const order = all.map(({ consumer }) => consumer);
      const runs = order.filter((name, index) => name !== order[index - 1]);
      expect(runs).toHaveLength(new Set(order).size);
      for (let offset = 0; offset <= 4; offset += 1)
        for (let count = 1; count <= 4; count += 1)
          expect(await admin.held(queue.name, offset, count)).toEqual(
            all.slice(offset, offset + count),
          );
      expect(await admin.held('nowhere', 0, 10)).toEqual([]);
      await settleFates();
    });
  });

  describe('delayed', () => {
    test('are listed page by page, the next one due first', async () => {
      const dueMs = (await queue.broker()).nowMs() + LATER;
      for (const [id, afterMs] of [
        ['c', 2_000],
        ['a', 0],
        ['b', 1_000],
      ] as const)
        await queue.push(id, '{}', { dueMs: dueMs + afterMs });
      const page = async (offset: number, count: number): Promise<unknown> =>
        (await admin.delayed(queue.name, offset, count)).map((each) => [
          ...ids([each.element]),
          each.dueMs - dueMs,
        ]);
      expect(await page(0, 10)).toEqual([
        ['a', 0],
        ['b', 1_000],
        ['c', 2_000],
      ]);
      expect(await page(1, 1)).toEqual([['b', 1_000]]);
      expect(await page(2, 5)).toEqual([['c', 2_000]]);
      expect(await page(3, 5)).toEqual([]);
      expect(await admin.delayed('nowhere', 0, 10)).toEqual([]);
    });
  });

  describe('advance', () => {
    test('makes messages due in their order, and tells how many were there', async () => {
      for (const [index, id] of ['a', 'b', 'c', 'd'].entries())
        await queue.pushLater(id, LATER + 1_000 * index);
      const delayed = await admin.delayed(queue.name, 0, 10);
      const [a, b, c] = delayed.map((each) => each.element);
      const gone = Buffer.from(element('gone'));

      // In two calls, as pages go, the later one first.
      const lastDueMs = delayed[2]!.dueMs;
      expect(await admin.advance(queue.name, [c!, gone], lastDueMs)).toBe(1);
      expect(await admin.advance(queue.name, [a!, b!], lastDueMs)).toBe(2);

      expect(ids((await queue.dump()).delayed)).toEqual(['a', 'b', 'c', 'd']);
      expect(ids(await queue.take(await queue.join(), 10))).toEqual(['a', 'b', 'c']);
      expect(await admin.advance(queue.name, [a!], lastDueMs)).toBe(0);
    });

    test('tells consumers, unless there was nothing', async () => {
      let told = 0;
      await queue.join({}, () => (told += 1));
      await queue.pushLater('a', LATER);
      await eventually(() => expect(told).toBe(1));
      const [a] = await admin.delayed(queue.name, 0, 1);
      await admin.advance(queue.name, [Buffer.from('none')], a!.dueMs);
      await admin.advance(queue.name, [a!.element], a!.dueMs);
      await eventually(() => expect(told).toBe(2));
    });
  });

  describe('dead letters', () => {
    test('are listed from the oldest on, or from the newest', async () => {
      await queue.deadLetter('a', 'b', 'c', 'd', 'e');
      expect(await letterIds()).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(await letterIds({ count: 2 })).toEqual(['a', 'b']);
      expect(await letterIds({ isNewestFirst: true })).toEqual(['e', 'd', 'c', 'b', 'a']);
      expect(await letterIds({ isNewestFirst: true, count: 2 })).toEqual(['e', 'd']);
      expect(await admin.deadLetters('nowhere', EVERY_LETTER)).toEqual([]);
    });

    test('are listed from an entry on, behind as many as are to be passed over', async () => {
      await queue.deadLetter('a', 'b', 'c', 'd', 'e');
      const [, b] = await letters();
      const from = b!.entry;
      expect(await letterIds({ from })).toEqual(['b', 'c', 'd', 'e']);
      expect(await letterIds({ from, isNewestFirst: true })).toEqual(['b', 'a']);
      expect(await letterIds({ offset: 3 })).toEqual(['d', 'e']);
      expect(await letterIds({ offset: 3, isNewestFirst: true })).toEqual(['b', 'a']);
      expect(await letterIds({ from, offset: 1, count: 2 })).toEqual(['c', 'd']);
      expect(await letterIds({ from, offset: 1, isNewestFirst: true })).toEqual(['a']);
      for (const offset of [5, 6, 100]) expect(await letterIds({ offset })).toEqual([]);
      await admin.deleteDeadLetters(queue.name, [from]);
      expect(await letterIds({ from })).toEqual(['c', 'd', 'e']);
      expect(await letterIds({ from, isNewestFirst: true })).toEqual(['a']);
    });

    test('are found by their entry, and by no other text', async () => {
      await queue.deadLetter('a', 'b', 'c');
      const all = await letters();
      for (const letter of all)
        expect(await admin.deadLetter(queue.name, letter.entry)).toEqual(letter);
      for (const entry of NO_ENTRIES)
        expect(await admin.deadLetter(queue.name, entry)).toBeUndefined();
      expect(await admin.deadLetter('nowhere', all[0]!.entry)).toBeUndefined();
    });

    test('have entries that tell them apart, although they are the same message', async () => {
      await queue.deadLetter('a', 'a', 'a');
      const entries = (await letters()).map(({ entry }) => entry);
      expect(new Set(entries).size).toBe(3);
    });

    test('are deleted by their entries, each once, and by no other text', async () => {
      await queue.deadLetter('a', 'b', 'c');
      const [a, , c] = (await letters()).map(({ entry }) => entry);
      expect(await admin.deleteDeadLetters(queue.name, NO_ENTRIES)).toBe(0);
      expect(await admin.deleteDeadLetters(queue.name, [])).toBe(0);
      expect(await admin.deleteDeadLetters(queue.name, [a!, a!, ...NO_ENTRIES, c!])).toBe(2);
      expect(await admin.deleteDeadLetters(queue.name, [a!])).toBe(0);
      expect(await letterIds()).toEqual(['b']);
      const { deadLettersDropped } = await admin.lengths(queue.name);
      expect(deadLettersDropped).toBe(0);
    });
  });

  describe('redrive', () => {
    const again = ({ entry, element: dead }: DeadElement): DeadElement => ({
      entry,
      element: redrivenElement(dead),
    });

    test('moves dead letters to the tail in their order, with their new elements', async () => {
      await queue.deadLetter('a', 'b', 'c');
      await queue.pushAll('waits');
      const [a, b] = (await letters()).map(again);
      expect(await admin.redrive(queue.name, [a!, b!])).toBe(2);
      expect((await queue.dump()).waiting.slice(1)).toEqual([a!.element, b!.element]);
      expect([await waitingIds(), await letterIds()]).toEqual([['waits', 'a', 'b'], ['c']]);
    });

    test('passes over what is gone, and moves each once, whoever asks', async () => {
      await queue.deadLetter('a', 'b', 'c');
      const all = (await letters()).map(again);
      await admin.deleteDeadLetters(queue.name, [all[1]!.entry]);
      const moved = await Promise.all(
        [admin, world.openAdmin(), admin].map((each) => each.redrive(queue.name, all)),
      );
      expect(moved.reduce((sum, count) => sum + count, 0)).toBe(2);
      expect([await waitingIds(), await letters()]).toEqual([['a', 'c'], []]);
    });

    test('reaches a consumer that waits', async () => {
      await queue.deadLetter('a');
      const lease = await queue.join({ waitMs: 10_000 });
      const wait = brought(lease.wait(new AbortController().signal));
      await admin.redrive(queue.name, (await letters()).map(again));
      expect(ids([await wait])).toEqual(['a']);
    });
  });

  describe('setPaused', () => {
    test('tells consumers which it is, and can be done twice', async () => {
      const told: WakeNews[] = [];
      const lease = await queue.join({}, (news) => told.push(news));
      await queue.pushAll('a');
      for (const isPaused of [true, true, false, false]) {
        const before = told.length;
        await admin.setPaused(queue.name, isPaused);
        await eventually(() => expect(told.length).toBe(before + 1));
        expect(told.at(-1)).toBe(isPaused ? 'paused' : 'look');
        expect((await admin.lengths(queue.name)).isPaused).toBe(isPaused);
        const reply = await lease.exchange([], isPaused ? 1 : 0);
        expect(reply).toMatchObject({ isPaused, taken: [] });
      }
      expect(ids(await queue.take(lease, 1))).toEqual(['a']);
    });
  });

  describe('find', () => {
    test('tells where a message is, and what it is', async () => {
      await fill();
      const place = async (id: string): Promise<string | undefined> => {
        const found = await admin.find(queue.name, id);
        if (found !== undefined) expect(ids([found.element])).toEqual([id]);
        return found?.place;
      };
      expect([await place('waits'), await place('crashed')]).toEqual(['waiting', 'waiting']);
      for (const id of ['held', 'ended', 'late']) expect(await place(id)).toBe('held');
      expect([await place('later'), await place('dead')]).toEqual(['delayed', undefined]);
      const [delayed] = await admin.delayed(queue.name, 0, 1);
      expect(await admin.find(queue.name, 'later')).toEqual({ place: 'delayed', ...delayed });
      const all = await admin.held(queue.name, 0, 10);
      const held = all.find((each) => ids([each.element])[0] === 'late');
      expect(await admin.find(queue.name, 'late')).toEqual({ place: 'held', ...held });
      await settleFates();
    });

    test.each(['Grüße, "Welt" \\', '{"cmd":"sum"}', '日本語', '42', 'a b', '%d+', '\u0007', ''])(
      'finds any id: %j',
      async (id) => {
        await queue.pushAll('before', id, 'behind');
        expect(await admin.find(queue.name, id)).toEqual({
          place: 'waiting',
          element: Buffer.from(element(id)),
        });
      },
    );

    test('looks at ids alone, however they are written', async () => {
      await world.pushForeign(
        queue.name,
        'sought',
        '"sought"',
        '{"rq":1,"id":"other","headers":{"id":"sought"}}\n{"id":"sought"}',
        '{"rq":1,"id":7,"x":"sought"}\n',
      );
      expect(await admin.find(queue.name, 'sought')).toBeUndefined();
      await world.pushForeign(queue.name, '{"rq": 1, "id": "sou\\u0067ht"}\n1');
      await world.pushForeign(queue.name, '{"rq": 1, "at": 3, "id": "plain"}\n1');
      expect(await admin.find(queue.name, 'plain')).toMatchObject({ place: 'waiting' });
    });

    test('finds it among thousands, and one of several', async () => {
      const many = Array.from({ length: 1_500 }, (_, index) => element(`m${index}`));
      await world.pushForeign(queue.name, ...many, element('m7', 'another'));
      const found = await admin.find(queue.name, 'm7');
      expect(ids([found!.element])).toEqual(['m7']);
      expect(await admin.find(queue.name, 'm1499')).toMatchObject({ place: 'waiting' });
      expect(await admin.find(queue.name, 'm1500')).toBeUndefined();
      expect(await admin.find('nowhere', 'm7')).toBeUndefined();
    });
  });

  describe('remove', () => {
    test('takes out an element that waits, is suspected or delayed, once', async () => {
      await fill();
      for (const id of ['waits', 'crashed', 'later']) {
        const found = await admin.find(queue.name, id);
        expect(await admin.remove(queue.name, found!.element)).toBe(true);
        expect(await admin.remove(queue.name, found!.element)).toBe(false);
        expect(await admin.find(queue.name, id)).toBeUndefined();
      }
      expect(await admin.lengths(queue.name)).toMatchObject({ processing: 3, dead: 1 });
      await settleFates();
    });

    test('leaves alone what consumers hold, dead letters, and what is unknown', async () => {
      await fill();
      const before = await queue.dump();
      const held = await admin.held(queue.name, 0, 10);
      const others = [...held, ...(await letters()), { element: Buffer.from('none') }];
      for (const each of others) expect(await admin.remove(queue.name, each.element)).toBe(false);
      expect(await queue.dump()).toEqual(before);
      await settleFates();
    });

    test('takes out one of several with the same bytes', async () => {
      await world.pushForeign(queue.name, 'tick', 'tock', 'tick');
      expect(await admin.remove(queue.name, Buffer.from('tick'))).toBe(true);
      const { waiting } = await queue.dump();
      expect(waiting.map(String).toSorted()).toEqual(['tick', 'tock']);
      expect(await admin.remove(queue.name, Buffer.from('tick'))).toBe(true);
      expect((await queue.dump()).waiting.map(String)).toEqual(['tock']);
    });
  });

  describe('purge', () => {
    test.each([
      ['waiting', 2, { waiting: 0, suspects: 0, delayed: 1 }],
      ['delayed', 1, { waiting: 1, suspects: 1, delayed: 0 }],
      ['all', 3, { waiting: 0, suspects: 0, delayed: 0 }],
    ] as const)('of %s leaves everything else', async (what, removed, left) => {
      await fill();
      expect(await admin.purge(queue.name, what)).toBe(removed);
      expect(await admin.lengths(queue.name)).toMatchObject({ ...left, processing: 3, dead: 1 });
      expect(await admin.purge(queue.name, what)).toBe(0);
      expect(await admin.purge('nowhere', what)).toBe(0);
      await settleFates();
    });

    test('removes thousands, also where bodies are parked', async () => {
      const many = Array.from({ length: 2_500 }, (_, index) => element(`m${index}`));
      await world.pushForeign(queue.name, ...many);
      await queue.push('large', 'x'.repeat(150_000));
      expect(await admin.purge(queue.name, 'all')).toBe(2_501);
      expect(await queue.dump()).toMatchObject({ waiting: [], parked: [] });
    });

    test('leaves the ids of a window taken', async () => {
      await queue.push('a', '{}', { deduplicateMs: LATER });
      await admin.purge(queue.name, 'all');
      expect(await queue.push('a', '{}', { deduplicateMs: LATER })).toBe('duplicate');
    });
  });

  describe('what is counted', () => {
    test('stays what it was when messages pass through all places', async () => {
      await queue.pushAll('a');
      await queue.reclaim(await queue.crashed(1));
      expect(counts(await admin.suspects(queue.name, 0, 10))).toEqual(['a 2/1']);
      const { waiting, suspects, processing } = await admin.lengths(queue.name);
      expect([waiting, suspects, processing]).toEqual([0, 1, 0]);
    });
  });

  describe('redisInfo', () => {
    test('has the form of INFO: sections, and names with values', async () => {
      const lines = (await admin.redisInfo()).split(/\r?\n/).filter((line) => line !== '');
      for (const line of lines) expect(line).toMatch(/^(# [\w ]+|[\w.-]+:.*)$/);
      expect(lines.find((line) => line.startsWith('redis_version:'))).toBeDefined();
    });
  });

  describe('names', () => {
    test.each(['', '}a'])('that can be none are refused: %j', async (name) => {
      const calls: (() => Promise<unknown>)[] = [
        () => admin.lengths(name),
        () => admin.look(name),
        () => admin.consumers(name),
        () => admin.waiting(name, 0, 1),
        () => admin.suspects(name, 0, 1),
        () => admin.held(name, 0, 1),
        () => admin.delayed(name, 0, 1),
        () => admin.advance(name, [Buffer.from('a')], 1),
        () => admin.deadLetters(name, EVERY_LETTER),
        () => admin.deadLetter(name, '1-1'),
        () => admin.redrive(name, [{ entry: '1-1', element: Buffer.from('a') }]),
        () => admin.deleteDeadLetters(name, ['1-1']),
        () => admin.parkedBodies(name, ['a']),
        () => admin.setPaused(name, true),
        () => admin.find(name, 'a'),
        () => admin.remove(name, Buffer.from('a')),
        () => admin.purge(name, 'all'),
      ];
      for (const call of calls)
        await expect(Promise.resolve().then(call)).rejects.toThrow(InvalidPatternError);
    });
  });

  describe('close', () => {
    test('may be called twice, and unused; then everything rejects', async () => {
      await world.openAdmin().close();
      await queue.pushAll('a');
      expect(await admin.waiting(queue.name, 0, 1)).toHaveLength(1);
      await admin.close();
      await admin.close();
      await expect(admin.lengths(queue.name)).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
      await expect(admin.purge(queue.name, 'all')).rejects.toMatchObject({
        code: 'REDIS_UNAVAILABLE',
      });
      expect(await waitingIds()).toEqual(['a']);
    });
  });
}
