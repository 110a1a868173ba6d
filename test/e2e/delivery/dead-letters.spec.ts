import { beforeEach, describe, expect, test } from '@jest/globals';
import { RpcException } from '@nestjs/microservices';
import {
  DeadLetter,
  RedisQueueAdmin,
  RedisQueueRecordBuilder,
  RetryLater,
} from 'nestjs-redis-queue-transport';
import type {
  DeadLetterEntry,
  RedisQueueContext,
  RedisQueueServerOptions,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { queueKey } from '../../support/queue-dump.js';
import { controllerOf } from './controller.js';
import type { Handle } from './controller.js';

const rig = nestRig();

/** With one attempt, the first failure is the last. */
const NO_RETRY = { retry: { attempts: 1 } };
/** A queue is not slowed down by messages that fail in this way. */
const NEVER_AGAIN = { retry: { if: () => false } };
const HISTORY = 'dead-letter-history';

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = openAdmin();
});

function openAdmin(): RedisQueueAdmin {
  return rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
}

const failAlways: Handle = () => {
  throw new Error('always');
};

async function expectDead(count: number): Promise<void> {
  await eventually(async () => {
    const { waiting, processing, dead } = await admin.lengths('work');
    expect({ waiting, processing, dead }).toEqual({ waiting: 0, processing: 0, dead: count });
  });
}

async function allLetters(limit = 1_000): Promise<readonly DeadLetterEntry[]> {
  return (await admin.deadLetters('work', { limit })).letters;
}

/** Dead letters with the data 0, 1 …, in a queue that is no longer served. */
async function leaveDead(count: number): Promise<void> {
  const { dead } = await admin.lengths('work');
  const app = await rig.serve({ controllers: [controllerOf('work', failAlways)] }, NEVER_AGAIN);
  const client = rig.client();
  for (let n = 0; n < count; n += 1) await lastValueFrom(client.enqueue('work', n));
  await expectDead(dead + count);
  await app.close();
}

/** Serves, and collects what it handled. */
async function serveAndKeep(): Promise<{ data: unknown; context: RedisQueueContext }[]> {
  const handled: { data: unknown; context: RedisQueueContext }[] = [];
  const controller = controllerOf('work', (data, context) => {
    handled.push({ data, context });
  });
  await rig.serve({ controllers: [controller] });
  return handled;
}

function historyOf(headers: Readonly<Record<string, string>>): unknown {
  return JSON.parse(headers[HISTORY] ?? '[]');
}

describe('a dead letter', () => {
  test('keeps the whole envelope, with why, how often, when and where it failed', async () => {
    const consumers: string[] = [];
    const controller = controllerOf('work', async (_, context) => {
      const key = queueKey(rig.prefix, 'work', 'consumers');
      consumers.push(...(await rig.commands.zrange(key, '0', '-1')));
      if (context.getAttempt() < 3) throw new RetryLater({ delayMs: 0 });
      throw new RpcException({ code: 7, message: 'no stock' });
    });
    await rig.serve({ controllers: [controller] }, NO_RETRY);
    const [seconds] = await rig.commands.time();
    const record = new RedisQueueRecordBuilder({ order: 1 })
      .id('order-1')
      .headers({ tenant: 'acme', trace: 'ü\n' })
      .build();

    await lastValueFrom(rig.client().enqueue('work', record));

    await expectDead(1);
    const [letter] = await allLetters();
    expect(letter).toMatchObject({
      id: 'order-1',
      attempt: 3,
      data: { order: 1 },
      headers: { tenant: 'acme', trace: 'ü\n' },
      reason: 'handlerFailed',
      error: { name: 'RpcException', message: 'no stock' },
      consumer: consumers[0],
    });
    expect(letter!.error.stack).toMatch(/no stock\n +at /);
    const sinceStartMs = letter!.sentAt!.getTime() - Number(seconds) * 1_000;
    expect(sinceStartMs).toBeGreaterThanOrEqual(0);
    expect(sinceStartMs).toBeLessThan(10_000);
    expect(letter!.deadAt.getTime()).toBeGreaterThanOrEqual(letter!.sentAt!.getTime());
    expect(letter!.deadAt.getTime()).toBeLessThan(letter!.sentAt!.getTime() + 10_000);
    expect(await admin.deadLetter('work', letter!.entry)).toEqual(letter);
  });

  test.each<[string, string, Buffer]>([
    ['a body that is not text', '{"rq":1,"id":"x"}\n', Buffer.from([0xff, 0x00, 0x0a, 0xfe])],
    ['neither a header nor text', '', Buffer.from([0xff, 0x00, 0x0a, 0xfe])],
    ['a header of a later version', '', Buffer.from('{"rq":2,"id":"x"}\n{"a":1}')],
  ])('keeps the bytes of %s', async (_, header, body) => {
    await serveAndKeep();

    const element = Buffer.concat([Buffer.from(header), body]);
    await rig.commands.rpush(rig.queue('work').waitingKey, element);

    await expectDead(1);
    const [letter] = await allLetters();
    expect(letter).toMatchObject({ reason: 'undecodable', attempt: 1, data: undefined });
    expect(letter!.error.name).toBe('UndecodableError');
    expect(letter!.element.subarray(-body.length)).toEqual(body);
  });
});

describe('the caps', () => {
  test('keep the newest deadLetterLimit letters, and count the dropped ones', async () => {
    const controller = controllerOf('work', failAlways);
    const options = { ...NO_RETRY, deadLetterLimit: 3, concurrency: 1 };
    await rig.serve({ controllers: [controller] }, options);
    const client = rig.client();

    for (const data of [1, 2, 3, 4, 5]) await lastValueFrom(client.enqueue('work', data));

    await expectDead(3);
    await eventually(async () => {
      expect((await admin.lengths('work')).deadLettersDropped).toBe(2);
    });
    expect((await allLetters()).map(({ data }) => data)).toEqual([3, 4, 5]);
  });

  test('can be set so that no dead letter is kept and each is counted', async () => {
    await rig.serve(
      { controllers: [controllerOf('work', failAlways)] },
      { ...NO_RETRY, deadLetterLimit: 0 },
    );
    const client = rig.client();

    for (const data of [1, 2]) await lastValueFrom(client.enqueue('work', data));

    await eventually(async () => {
      expect(await admin.lengths('work')).toMatchObject({ dead: 0, deadLettersDropped: 2 });
    });
  });

  test('drop what is older than deadLetterMaxAgeMs, and count it', async () => {
    await leaveDead(2);
    // With each third of its length, a lease is renewed, and old dead letters are dropped.
    const controller = controllerOf('work', () => undefined);
    await rig.serve({ controllers: [controller] }, { leaseMs: 1_000, deadLetterMaxAgeMs: 1 });

    await eventually(async () => {
      expect(await admin.lengths('work')).toMatchObject({ dead: 0, deadLettersDropped: 2 });
    });
  });
});

describe('what a limit drops', () => {
  async function serveWithListener(
    options: RedisQueueServerOptions,
    told: { queue: string; dropped: number }[],
  ): Promise<void> {
    const strategy = rig.strategy({ ...NO_RETRY, leaseMs: 1_000, ...options });
    strategy.on('deadLettersDropped', (drop) => told.push(drop));
    const app = await rig.microservice(
      { controllers: [controllerOf('work', failAlways)] },
      strategy,
    );
    await app.listen();
  }

  test.each([
    ['deadLetterLimit', { deadLetterLimit: 3 }, 2, 3],
    ['deadLetterMaxAgeMs', { deadLetterMaxAgeMs: 1 }, 5, 0],
  ])('by %s is logged and reported once, by one of all replicas', async (_, cap, dropped, kept) => {
    await leaveDead(4);
    const told: { queue: string; dropped: number }[] = [];
    const options = { deadLetterMaxAgeMs: 24 * 3_600_000, ...cap };
    await lastValueFrom(rig.client().enqueue('work', 'last'));
    for (const _replica of [1, 2]) await serveWithListener(options, told);

    await eventually(async () => {
      expect(await admin.lengths('work')).toMatchObject({
        dead: kept,
        deadLettersDropped: dropped,
      });
      expect(told.reduce((sum, drop) => sum + drop.dropped, 0)).toBe(dropped);
    });

    expect(new Set(told.map(({ queue }) => queue))).toEqual(new Set(['work']));
    const logged = rig.logs.matching('error', /dead letters of "work" were dropped/);
    expect(logged).toHaveLength(told.length);
    expect(logged[0]).toMatch(/^\d .*lost.*deadLetterMaxAgeMs.*deadLetterLimit/);
  });

  test('is nothing by default, no matter how many there are', async () => {
    const MANY = 10_050;
    await leaveDead(1);
    const dead = queueKey(rig.prefix, 'work', 'dead');
    const [[, fields]] = (await rig.commands.xrange(dead, '-', '+')) as [[string, string[]]];
    const fill = `for i = 1, ${MANY} do redis.call('XADD', KEYS[1], '*', ARGV[1], ARGV[2]) end`;
    await rig.commands.eval(fill, 1, dead, fields[0]!, fields[1]!);

    await leaveDead(1);

    await eventually(async () =>
      expect(await admin.lengths('work')).toMatchObject({ dead: MANY + 2, deadLettersDropped: 0 }),
    );
  });
});

describe('listing dead letters', () => {
  test('goes from the oldest to the newest, page by page', async () => {
    await leaveDead(25);
    const pages: unknown[][] = [];

    let from: string | undefined;
    do {
      const page = await admin.deadLetters('work', { from, limit: 10 });
      pages.push(page.letters.map(({ data }) => data));
      from = page.next;
    } while (from !== undefined);

    expect(pages.map((page) => page.length)).toEqual([10, 10, 5]);
    const seen = pages.flat().sort((a, b) => Number(a) - Number(b));
    expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => n));
  });

  test('ends with a full page if nothing follows', async () => {
    await leaveDead(4);

    const first = await admin.deadLetters('work', { limit: 2 });
    const second = await admin.deadLetters('work', { from: first.next, limit: 2 });

    expect(first.letters).toHaveLength(2);
    expect(second.letters).toHaveLength(2);
    expect(second.next).toBeUndefined();
  });

  test('goes on at the same place, even if entries have been deleted meanwhile', async () => {
    await leaveDead(4);
    const first = await admin.deadLetters('work', { limit: 2 });

    await admin.deleteDeadLetter('work', first.next!);

    const second = await admin.deadLetters('work', { from: first.next, limit: 2 });
    expect(second.letters).toHaveLength(1);
    expect(second.next).toBeUndefined();
  });

  test('is empty for a queue without dead letters, or one that nobody knows', async () => {
    expect(await admin.deadLetters('unknown')).toEqual({ letters: [], next: undefined });
    expect(await admin.deadLetter('unknown', '1-1')).toBeUndefined();
    expect(await admin.redriveAll('unknown')).toBe(0);
    expect(await admin.deleteDeadLetters('unknown')).toBe(0);
  });

  test('shows entries of other programs too', async () => {
    await rig.commands.xadd(queueKey(rig.prefix, 'work', 'dead'), '*', 'element', '{"a":1}');

    const [letter] = await allLetters();

    expect(letter).toMatchObject({ data: { a: 1 }, reason: 'unknown', id: undefined });
  });
});

describe('redriving', () => {
  test('one sends it again with its first attempt, with its history in the headers', async () => {
    const runs: { attempt: number; headers: Readonly<Record<string, string>> }[] = [];
    const controller = controllerOf('work', (_, context) => {
      runs.push({ attempt: context.getAttempt(), headers: context.getHeaders() });
      if (runs.length <= 2) throw new TypeError('broken');
      if (runs.length === 3) throw new DeadLetter('not now');
    });
    const retry = { attempts: 2, backoff: 'fixed', delayMs: 0 } as const;
    await rig.serve({ controllers: [controller] }, { retry });
    const record = new RedisQueueRecordBuilder('x').id('x-1').headers({ tenant: 'a' }).build();
    await lastValueFrom(rig.client().enqueue('work', record));
    await expectDead(1);
    const [first] = await allLetters();

    expect(await admin.redrive('work', first!.entry)).toBe(true);
    await eventually(() => expect(runs).toHaveLength(3));
    await expectDead(1);
    const [second] = await allLetters();
    expect(await admin.redrive('work', second!.entry)).toBe(true);

    await eventually(() => expect(runs).toHaveLength(4));
    await expectDead(0);
    expect(runs.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 1]);
    expect(second).toMatchObject({ id: 'x-1', attempt: 1, data: 'x' });
    expect(second!.entry).not.toBe(first!.entry);
    const died = [
      {
        reason: 'handlerFailed',
        error: 'TypeError',
        message: 'broken',
        attempt: 2,
        at: first!.deadAt.getTime(),
      },
      {
        reason: 'rejected',
        error: 'DeadLetter',
        message: 'not now',
        attempt: 1,
        at: second!.deadAt.getTime(),
      },
    ];
    expect(runs[2]!.headers).toEqual({ tenant: 'a', [HISTORY]: JSON.stringify(died.slice(0, 1)) });
    expect(historyOf(runs[3]!.headers)).toEqual(died);
    expect(runs[3]!.headers['tenant']).toBe('a');
  });

  test('one that does not exist returns false, and sends nothing', async () => {
    await leaveDead(1);
    const [letter] = await allLetters();

    expect(await admin.redrive('work', '1-1')).toBe(false);
    expect(await admin.redrive('work', letter!.entry)).toBe(true);
    expect(await admin.redrive('work', letter!.entry)).toBe(false);

    expect(await admin.lengths('work')).toMatchObject({ waiting: 1, dead: 0 });
  });

  test('one puts it at the tail of its queue', async () => {
    await leaveDead(1);
    await lastValueFrom(rig.client().enqueue('work', 'waits already'));
    const [letter] = await allLetters();

    await admin.redrive('work', letter!.entry);

    const waiting = await admin.peek('work');
    expect(waiting.map(({ data }) => data)).toEqual(['waits already', 0]);
    expect(waiting[1]).toMatchObject({ id: letter!.id, attempt: 1, sentAt: letter!.sentAt });
  });

  test('all sends every dead letter again, over many pages, in order', async () => {
    await leaveDead(230);
    const letters = await allLetters();

    expect(await admin.redriveAll('work')).toBe(230);

    expect(await admin.lengths('work')).toMatchObject({ waiting: 230, dead: 0 });
    const waiting = await admin.peek('work', { limit: 1_000 });
    expect(waiting.map(({ data }) => data)).toEqual(letters.map(({ data }) => data));
  });

  test('by a filter sends those that match, and leaves the others', async () => {
    await leaveDead(120);

    const isTens = ({ data }: DeadLetterEntry): boolean => Number(data) % 10 === 0;
    expect(await admin.redriveAll('work', isTens)).toBe(12);

    const waiting = (await admin.peek('work')).map(({ data }) => Number(data));
    expect(waiting.sort((a, b) => a - b)).toEqual([
      0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110,
    ]);
    expect(await allLetters()).toHaveLength(108);
  });

  test('rejects with what a filter throws, and sends nothing', async () => {
    await leaveDead(2);

    const failing = admin.redriveAll('work', () => {
      throw new TypeError('a mistake in the filter');
    });

    await expect(failing).rejects.toThrow('a mistake in the filter');
    expect(await admin.lengths('work')).toMatchObject({ waiting: 0, dead: 2 });
  });

  test('by several admins at once sends each message once', async () => {
    await leaveDead(150);
    const admins = [openAdmin(), openAdmin(), openAdmin()];
    const one = (await allLetters())[75]!.entry;

    const [counts, single] = await Promise.all([
      Promise.all(admins.map((each) => each.redriveAll('work'))),
      Promise.all(admins.map((each) => each.redrive('work', one))),
    ]);

    const moved = counts.reduce((a, b) => a + b, 0) + single.filter(Boolean).length;
    expect(moved).toBe(150);
    const waiting = await admin.peek('work', { limit: 1_000 });
    expect(waiting).toHaveLength(150);
    expect(new Set(waiting.map(({ data }) => data)).size).toBe(150);
    expect((await admin.lengths('work')).dead).toBe(0);
  });

  test('all ends even if a consumer keeps failing, and sends each message once', async () => {
    const letters = 150;
    await leaveDead(letters);
    let runs = 0;
    const controller = controllerOf('work', () => {
      runs += 1;
      throw new Error('still');
    });
    await rig.serve({ controllers: [controller] }, NEVER_AGAIN);

    expect(await admin.redriveAll('work')).toBe(letters);

    await expectDead(letters);
    expect(runs).toBe(letters);
    for (const { headers } of await allLetters()) expect(historyOf(headers)).toHaveLength(1);
  });

  test('all loses none while consumers handle them', async () => {
    await leaveDead(150);
    const handled = await serveAndKeep();

    await Promise.all([admin.redriveAll('work'), admin.redriveAll('work')]);

    await eventually(() => expect(handled).toHaveLength(150));
    await expectDead(0);
    expect(new Set(handled.map(({ data }) => data)).size).toBe(150);
  });

  test.each<[string, string | Buffer]>([
    ['not JSON', 'hello'],
    ['not text', Buffer.from([0xff, 0xfe, 0x00, 0x0a, 0x80])],
    ['nothing', ''],
    ['a header of a later version', '{"rq":2,"id":"x"}\n{"a": 1}'],
    ['a header that is cut off', '{"rq":1,"id":\n{"a": 1}'],
    ['plain JSON', '{ "a": 1,\n "b": [2] }'],
  ])('of an element pushed as %s restores its very bytes', async (_, element) => {
    const app = await rig.serve({ controllers: [controllerOf('work', failAlways)] }, NO_RETRY);
    await rig.commands.rpush(rig.queue('work').waitingKey, element);
    await expectDead(1);
    await app.close();

    expect(await admin.redriveAll('work')).toBe(1);

    const waiting = await rig.commands.lrangeBuffer(rig.queue('work').waitingKey, 0, -1);
    expect(waiting).toEqual([Buffer.from(element)]);
  });

  test('of an element with a header and a body that is not text keeps the bytes of the body', async () => {
    const app = await rig.serve({ controllers: [controllerOf('work', failAlways)] }, NO_RETRY);
    const body = Buffer.from([0xff, 0x00, 0x0a, 0xfe]);
    const element = Buffer.concat([Buffer.from('{"rq":1,"id":"x","own":[1]}\n'), body]);
    await rig.commands.rpush(rig.queue('work').waitingKey, element);
    await expectDead(1);
    await app.close();

    expect(await admin.redriveAll('work')).toBe(1);

    const [waiting] = await rig.commands.lrangeBuffer(rig.queue('work').waitingKey, 0, -1);
    const end = waiting!.indexOf('\n');
    expect(waiting!.subarray(end + 1)).toEqual(body);
    const header = JSON.parse(waiting!.subarray(0, end).toString()) as { headers: object };
    expect(header).toMatchObject({ rq: 1, id: 'x', own: [1] });
    expect(Object.keys(header.headers)).toEqual([HISTORY]);
  });

  test('of a request or of a message with an expiry sends it without caller and expiry', async () => {
    const app = await rig.serve(
      { controllers: [controllerOf('work', () => Promise.reject(new DeadLetter('no')))] },
      NO_RETRY,
    );
    const client = rig.client();
    const record = new RedisQueueRecordBuilder('expires').expiresIn(60_000).build();
    await expect(lastValueFrom(client.send('work', 'asked'))).rejects.toBeDefined();
    await lastValueFrom(client.enqueue('work', record));
    await expectDead(2);
    await app.close();

    await admin.redriveAll('work');

    const waiting = await rig.queue('work').waiting();
    expect(waiting).toHaveLength(2);
    for (const element of waiting) expect(element).not.toMatch(/replyTo|"re"|expiresAt/);
    const handled = await serveAndKeep();
    await eventually(() => expect(handled.map(({ data }) => data)).toEqual(['asked', 'expires']));
  });

  test('works even if another program uses the header of the history', async () => {
    const app = await rig.serve({ controllers: [controllerOf('work', failAlways)] }, NO_RETRY);
    const record = new RedisQueueRecordBuilder('x').headers({ [HISTORY]: 'not JSON' }).build();
    await lastValueFrom(rig.client().enqueue('work', record));
    await expectDead(1);
    await app.close();

    await admin.redriveAll('work');

    const handled = await serveAndKeep();
    await eventually(() => expect(handled).toHaveLength(1));
    expect(historyOf(handled[0]!.context.getHeaders())).toMatchObject([{ message: 'always' }]);
  });
});

describe('deleting dead letters', () => {
  test('one deletes it, once', async () => {
    await leaveDead(2);
    const [letter] = await allLetters();

    expect(await admin.deleteDeadLetter('work', letter!.entry)).toBe(true);
    expect(await admin.deleteDeadLetter('work', letter!.entry)).toBe(false);

    expect((await allLetters()).map(({ entry }) => entry)).not.toContain(letter!.entry);
    expect(await admin.deadLetter('work', letter!.entry)).toBeUndefined();
    expect(await admin.lengths('work')).toMatchObject({ dead: 1, deadLettersDropped: 0 });
  });

  test('by a filter deletes those that match, over many pages', async () => {
    await leaveDead(130);

    const isEven = ({ data }: DeadLetterEntry): boolean => Number(data) % 2 === 0;
    expect(await admin.deleteDeadLetters('work', isEven)).toBe(65);

    const left = (await allLetters()).map(({ data }) => Number(data) % 2);
    expect(left).toEqual(Array<number>(65).fill(1));
    expect(await admin.deleteDeadLetters('work')).toBe(65);
    expect(await allLetters()).toEqual([]);
  });
});
