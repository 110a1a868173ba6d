import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker, Feed } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { decodeElement } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { brief } from '../support/brief.js';
import { eventually } from '../support/eventually.js';
import type { QueueWorld } from './broker-world.js';
import { DrivenQueue } from './driven-queue.js';
import { brought } from './elements.js';

const LIST = 'their list {of orders}';
/** Far more than may stay in an element. */
const LARGE = 600_000;

/** How every broker moves what other programs add to lists of theirs. To be called within a `describe`. */
export function feedingContract(world: QueueWorld): void {
  let queue: DrivenQueue;
  let broker: Broker;

  beforeEach(async () => {
    queue = new DrivenQueue(world, 'orders.place');
    broker = await queue.broker();
  });

  afterEach(() => queue.leaveAll());

  function feed(take: 'left' | 'right' = 'right', by = broker): Promise<Feed> {
    return by.feed(queue.name, { key: LIST, take });
  }

  /** The data of what waits, wherever large data stands. */
  async function waitingData(): Promise<string[]> {
    const lease = await queue.join();
    const { waiting } = await queue.dump();
    const bodies = await Promise.all(waiting.map((element) => bodyOf(lease, element)));
    await lease.leave();
    return bodies.map((body) => body.toString('latin1'));
  }

  async function bodyOf(lease: Lease, element: Buffer): Promise<Buffer> {
    const { parked, body } = decodeElement(element);
    if (parked === undefined) return body;
    const found = await lease.parkedBody(parked);
    if (Buffer.isBuffer(found)) return found;
    throw new Error('The body is not there.');
  }

  async function expectFed(...data: readonly string[]): Promise<void> {
    await eventually(async () => expect(brief(await waitingData())).toEqual(brief(data)));
    expect([await world.listOf(LIST), await world.leftFed(queue.name)]).toEqual([[], 0]);
  }

  describe('a list that others fill', () => {
    test('is moved to the queue from its right end: in the order of pushes at the left', async () => {
      await world.pushToList(LIST, 'left', '1', '2', '3');
      await feed();
      await expectFed('1', '2', '3');
      await world.pushToList(LIST, 'left', '4');
      await expectFed('1', '2', '3', '4');
    });

    test('is moved from its left end where others push at the right', async () => {
      await world.pushToList(LIST, 'right', '1', '2', '3');
      await feed('left');
      await expectFed('1', '2', '3');
      await world.pushToList(LIST, 'right', '4');
      await expectFed('1', '2', '3', '4');
    });

    test('is moved behind what waits', async () => {
      await queue.push('sent', 'sent');
      await world.pushToList(LIST, 'left', 'fed');
      await feed();
      await expectFed('sent', 'fed');
    });

    test('is moved whole and in order, however much is in it', async () => {
      const data = Array.from({ length: 2_500 }, (_, index) => `${index}`);
      await world.pushToList(LIST, 'left', ...data);
      await feed();
      await expectFed(...data);
    });

    test('reaches a consumer that waits', async () => {
      await feed();
      const lease = await queue.join({ waitMs: 10_000 });
      const wait = lease.wait(new AbortController().signal);
      await world.pushToList(LIST, 'left', 'a');
      expect(decodeElement(await brought(wait)).body.toString()).toBe('a');
    });

    test('is shared by two that feed from it: each element is moved once', async () => {
      await feed();
      await feed('right', await world.open());
      const data = Array.from({ length: 300 }, (_, index) => `${index}`);
      for (let from = 0; from < data.length; from += 3)
        await world.pushToList(LIST, 'left', ...data.slice(from, from + 3));
      await eventually(async () =>
        expect((await waitingData()).toSorted()).toEqual(data.toSorted()),
      );
      expect(await world.listOf(LIST)).toEqual([]);
    });
  });

  describe('an element of it', () => {
    test.each<[string, string | Buffer]>([
      ['text', 'Good morning'],
      ['JSON', '{"n":1}'],
      ['JSON of several lines', '{\n  "rq1": 2\n}'],
      ['nothing', ''],
      ['bytes', Buffer.from([0, 255, 10, 37, 0])],
      ['an envelope', '{"rq":1,"id":"theirs","attempt":7}\n{}'],
      ['an envelope with a parked body', '{"rq":1,"parked":"name","id":"x"}\n'],
      ['a broken envelope', '{"rq":1,"id":'],
    ])('is data, even if it looks like a message: %s', async (_what, data) => {
      await world.pushToList(LIST, 'left', data);
      await feed();
      await expectFed(Buffer.from(data).toString('latin1'));
      const [element] = (await queue.dump()).waiting;
      expect(decodeElement(element!)).toMatchObject({ attempt: 1, crashes: 0, headers: {} });
      expect(decodeElement(element!).id).not.toBe('theirs');
    });

    test('becomes a message with an id of its own, though others have the same bytes', async () => {
      await world.pushToList(LIST, 'left', 'tick', 'tick', 'tick');
      await feed();
      await expectFed('tick', 'tick', 'tick');
      const names = (await queue.dump()).waiting.map((element) => decodeElement(element).id);
      expect(new Set(names).size).toBe(3);
      expect(names).not.toContain(undefined);
    });

    test('may be large, and keeps its place and each byte', async () => {
      const large = 'x'.repeat(LARGE);
      const envelope = `{"rq":1,"id":"theirs"}\n${large}`;
      await world.pushToList(LIST, 'left', 'a', large, 'b', envelope, 'c');
      await feed();
      await expectFed('a', large, 'b', envelope, 'c');
      const lease = await queue.join();
      for (const taken of await takeAll(lease)) {
        const { parked } = decodeElement(taken);
        const isParked = parked === undefined ? {} : { isParked: true as const };
        await queue.exchange(lease, [{ kind: 'ack', element: taken, ...isParked }]);
      }
      expect(await queue.dump()).toMatchObject({ waiting: [], parked: [] });
    });
  });

  async function takeAll(lease: Lease): Promise<readonly Buffer[]> {
    const taken: Buffer[] = [];
    for (let isMore = true; isMore;) {
      const reply = await queue.exchange(lease, [], 10);
      taken.push(...reply.taken);
      isMore = reply.isCut || reply.taken.length > 0;
    }
    return taken;
  }

  describe('a process that feeds', () => {
    test('moves on first what another one had taken when it stopped', async () => {
      await world.leaveFed(queue.name, 'taken 1', 'taken 2');
      await world.pushToList(LIST, 'left', 'next');
      await feed();
      await expectFed('taken 1', 'taken 2', 'next');
    });

    test('leaves the list alone once it has stopped, which it may do twice', async () => {
      const stopped = await feed();
      await stopped.stop();
      await stopped.stop();
      await world.pushToList(LIST, 'left', 'a');
      expect(await world.listOf(LIST)).toEqual([Buffer.from('a')]);
      await feed();
      await expectFed('a');
    });

    test('stops when its broker is closed', async () => {
      const closing = await world.open();
      await feed('right', closing);
      await closing.close();
      await world.pushToList(LIST, 'left', 'a');
      expect(await world.listOf(LIST)).toEqual([Buffer.from('a')]);
      await feed();
      await expectFed('a');
    });

    test('loses nothing that comes while it stops', async () => {
      const data = Array.from({ length: 60 }, (_, index) => `${index}`);
      for (const [index, one] of data.entries()) {
        const feeder = await feed();
        const stopped = index % 2 === 0 ? undefined : feeder.stop();
        await world.pushToList(LIST, 'left', one);
        await (stopped ?? feeder.stop());
      }
      await feed();
      await eventually(async () =>
        expect((await waitingData()).toSorted()).toEqual(data.toSorted()),
      );
    });
  });
}
