import { describe, expect, test } from '@jest/globals';
import type { RedisQueueContext } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { isMeantBy } from '../../libs/redis-queue-transport/src/core/events/event-patterns.js';
import { eventControllerOf } from '../e2e/events/controller.js';
import { eventually } from '../support/eventually.js';
import { GREETING, wireRig } from './wire-rig.js';

const rig = wireRig();

const PATTERN = 'order.placed';

type Heard = readonly [who: string, pattern: string, data: unknown];

/** Notes who heard which event, and what the event said. */
function noting(heard: Heard[], who: string) {
  return (data: unknown, context: RedisQueueContext): unknown =>
    heard.push([who, context.getPattern(), data]);
}

const copiesFor = (queue: string): Promise<number> =>
  rig.nest.commands.llen(rig.nest.queue(queue).waitingKey);

describe('emit.py', () => {
  test('reaches our groups, listeners and histories, and says how many', async () => {
    const heard: Heard[] = [];
    const recovering = { history: { maxLength: 10 }, recover: { withinMs: 60_000 } };
    await rig.nest.serve({
      controllers: [
        eventControllerOf(PATTERN, noting(heard, 'billing'), { group: 'billing' }),
        eventControllerOf('order.#', noting(heard, 'billing of all'), { group: 'billing' }),
        eventControllerOf('*.placed', noting(heard, 'audit'), { group: 'audit' }),
        eventControllerOf('order.*', noting(heard, 'live'), {}),
        eventControllerOf(PATTERN, noting(heard, 'recovering'), recovering),
        eventControllerOf('order.paid', noting(heard, 'nobody'), { group: 'paid' }),
      ],
    });

    const printed = await rig.finish('emit', '--id', 'a', PATTERN, JSON.stringify(GREETING));

    expect(printed).toEqual(['groups: 2, listeners: 2']);
    const hearers = ['audit', 'billing', 'billing of all', 'live', 'recovering'];
    await eventually(() => expect(heard.map(([who]) => who).toSorted()).toEqual(hearers));
    for (const [, ...event] of heard) expect(event).toEqual([PATTERN, GREETING]);
    const { events } = await rig.admin().history(PATTERN);
    expect(events).toMatchObject([{ id: 'a', number: 1, pattern: PATTERN, data: GREETING }]);
  });

  test('reaches our listeners in a database other than 0, and none in 0', async () => {
    const heard: Heard[] = [];
    const connection = `${rig.nest.redis.url}/1`;
    const recovering = { history: { maxLength: 10 }, recover: { withinMs: 60_000 } };
    const controllers = [
      eventControllerOf('order.*', noting(heard, 'live'), {}),
      eventControllerOf(PATTERN, noting(heard, 'recovering'), recovering),
    ];
    await rig.nest.serve({ controllers }, { connection });
    expect(await rig.finish('emit', PATTERN, '"in 0"')).toEqual(['groups: 0, listeners: 0']);

    rig.useUrl(connection);
    expect(await rig.finish('emit', PATTERN, '"in 1"')).toEqual(['groups: 0, listeners: 2']);
    const listener = rig.run('listen', PATTERN);
    await listener.prints(`listening to ${PATTERN}`);
    await lastValueFrom(rig.nest.client({ connection }).emit(PATTERN, 'ours in 1'));
    await listener.prints(`${PATTERN} "ours in 1"`);

    await eventually(() => expect(heard).toHaveLength(4));
    expect(heard.every(([, , data]) => String(data).endsWith('in 1'))).toBe(true);
  });

  test('holds a copy for a group without a running replica', async () => {
    await rig.admin().declare(PATTERN, { groups: ['billing'] });

    expect(await rig.finish('emit', PATTERN, '"kept"')).toEqual(['groups: 1, listeners: 0']);

    const heard: Heard[] = [];
    const billing = eventControllerOf(PATTERN, noting(heard, 'billing'), { group: 'billing' });
    await rig.nest.serve({ controllers: [billing] });
    await eventually(() => expect(heard).toEqual([['billing', PATTERN, 'kept']]));
  });

  test('leaves it to a group to read the keys of its events, and keeps their order', async () => {
    const keys: (readonly [number, string | undefined])[] = [];
    const controller = eventControllerOf(
      PATTERN,
      (data, context) => keys.push([(data as { n: number }).n, context.getKey()]),
      { group: 'billing', key: ({ customer }: { customer: string }) => customer },
    );
    const before = await rig.nest.serve({ controllers: [controller] });
    await before.close();

    await rig.finish('emit', PATTERN, JSON.stringify({ n: 1, customer: 'ada' }));
    await rig.finish('emit', '--key', 'given', PATTERN, JSON.stringify({ n: 2, customer: 'bob' }));
    await rig.finish('emit', PATTERN, JSON.stringify({ n: 3, customer: 'ada' }));
    const queue = `@billing/${PATTERN}`;
    expect(await rig.admin().lengths(queue)).toMatchObject({ unkeyed: 3 });

    await rig.nest.serve({ controllers: [controller] });
    await eventually(() => expect(keys).toHaveLength(3));
    expect(keys.filter(([, key]) => key === 'ada')).toEqual([
      [1, 'ada'],
      [3, 'ada'],
    ]);
    expect(keys.toSorted()).toEqual([
      [1, 'ada'],
      [2, 'given'],
      [3, 'ada'],
    ]);
  });

  test('matches patterns as our client does', async () => {
    const filters = ['a.b', 'a.*', '*.b', '*', '#', 'a.#', 'a.b.#', 'a.*.#', 'a*.b', '*.*.*'];
    filters.push('{"a":"*"}', 'a..b', 'a-b.%', '.');
    const admin = rig.admin();
    for (const [index, filter] of filters.entries())
      await admin.declare(filter, { groups: [`g${index}`] });

    for (const pattern of ['a', 'a.b', 'a.b.c', 'a..b', 'ax.b', '{"a":"*"}', 'a-b.%', '.']) {
      const meant = filters.map((filter) => isMeantBy(filter, pattern));
      expect(await rig.finish('emit', pattern, '1')).toEqual([
        `groups: ${meant.filter(Boolean).length}, listeners: 0`,
      ]);
      const copies = filters.map((filter, index) => copiesFor(`@g${index}/${filter}`));
      expect(await Promise.all(copies)).toEqual(meant.map(Number));
      await rig.nest.commands.del(
        filters.map((filter, index) => rig.nest.queue(`@g${index}/${filter}`).waitingKey),
      );
    }
  });

  test('with --once is accepted once, unless nobody got it', async () => {
    const once = ['--once', '60000', '--id', 'a', PATTERN];
    expect(await rig.finish('emit', ...once, '1')).toEqual(['groups: 0, listeners: 0']);
    await rig.admin().declare(PATTERN, { groups: ['billing'] });

    const first = await rig.finish('emit', ...once, '2');
    const second = await rig.finish('emit', ...once, '3');

    expect([first, second]).toEqual([['groups: 1, listeners: 0'], ['emitted before as a']]);
    expect(await rig.admin().peek(`@billing/${PATTERN}`)).toMatchObject([{ id: 'a', data: 2 }]);
  });

  test('shares the window and the numbers of a history with our client', async () => {
    const client = rig.nest.client({ declare: { [PATTERN]: { history: { maxLength: 2 } } } });
    const everything = { 'order.#': { history: { maxAgeMs: 60_000 } } };
    for (const [pattern, declaration] of Object.entries(everything))
      await rig.admin().declare(pattern, declaration);

    await lastValueFrom(client.emit(PATTERN, 'ours'));
    await rig.finish('emit', PATTERN, '"theirs"');
    await lastValueFrom(client.emit(PATTERN, 'ours again'));

    const numbersOf = async (pattern: string): Promise<unknown[]> =>
      (await rig.admin().history(pattern)).events.map(({ number, data }) => [number, data]);
    expect(await numbersOf(PATTERN)).toEqual([
      [2, 'theirs'],
      [3, 'ours again'],
    ]);
    expect(await numbersOf('order.#')).toEqual([
      [1, 'ours'],
      [2, 'theirs'],
      [3, 'ours again'],
    ]);
  });

  /** The server has set its terms, and is gone. */
  async function bound(group: string, onFull: 'refuse' | 'drop'): Promise<void> {
    const options = { group, maxLength: 1, onFull };
    const app = await rig.nest.serve({
      controllers: [eventControllerOf(PATTERN, () => undefined, options)],
    });
    await app.close();
  }

  test('leaves out the copy of a full group that wants that, and counts it', async () => {
    await bound('reports', 'drop');
    await rig.admin().declare(PATTERN, { groups: ['billing'] });

    const printed = [
      await rig.finish('emit', PATTERN, '1'),
      await rig.finish('emit', PATTERN, '2'),
    ].flat();

    expect(printed).toEqual(['groups: 2, listeners: 0', 'groups: 1, listeners: 0, dropped: 1']);
    expect(await copiesFor(`@billing/${PATTERN}`)).toBe(2);
    expect(await rig.admin().lengths(`@reports/${PATTERN}`)).toMatchObject({
      waiting: 1,
      copiesDropped: 1,
    });
  });

  test('reaches nobody if a group is full, and then everybody with the same id', async () => {
    await bound('reports', 'refuse');
    await rig.admin().declare(PATTERN, { groups: ['billing'] });
    await rig.finish('emit', PATTERN, '1');
    const once = ['--once', '60000', '--id', 'a', PATTERN, '2'];

    const refused = rig.run('emit', ...once);
    expect(await refused.ended).toBe(1);
    expect(refused.complaints).toContain(
      `The queue @reports/${PATTERN} is full: 1 messages wait, and 1 may`,
    );
    expect(await copiesFor(`@billing/${PATTERN}`)).toBe(1);

    await rig.admin().purge(`@reports/${PATTERN}`);
    expect(await rig.finish('emit', ...once)).toEqual(['groups: 2, listeners: 0']);
  });

  test('is refused as a whole if a key has another type, and refuses a wildcard', async () => {
    await rig.admin().declare(PATTERN, { groups: ['a', 'b', 'c'] });
    await rig.nest.commands.set(rig.nest.queue(`@b/${PATTERN}`).waitingKey, 'of another type');

    const refused = rig.run('emit', PATTERN, '1');
    expect(await refused.ended).toBe(1);
    expect(refused.complaints).toContain('WRONGTYPE');
    expect(await Promise.all(['a', 'c'].map((group) => copiesFor(`@${group}/${PATTERN}`)))).toEqual(
      [0, 0],
    );

    const wildcard = rig.run('emit', 'order.*', '1');
    expect(await wildcard.ended).toBe(1);
    expect(wildcard.complaints).toContain('order.* stands for several');
  });
});

describe('consumer.py --group', () => {
  test('gets what our client emits, even while it is down', async () => {
    const client = rig.nest.client();
    // It knows an index without the group, which must not matter.
    expect(await lastValueFrom(client.emit(PATTERN, 0))).toMatchObject({ groups: 0 });

    const consumer = await rig.consume(PATTERN, '--group', 'billing');
    expect(await lastValueFrom(client.emit(PATTERN, 1))).toMatchObject({ groups: 1 });
    expect(await consumer.prints('got ')).toEqual({ pattern: PATTERN, data: 1 });
    consumer.signal('SIGTERM');
    await consumer.ended;
    expect(await lastValueFrom(client.emit(PATTERN, 2))).toMatchObject({ groups: 1, listeners: 0 });

    const again = await rig.consume(PATTERN, '--group', 'billing');
    expect(await again.prints('got ')).toEqual({ pattern: PATTERN, data: 2 });
    await eventually(async () =>
      expect(await rig.admin().lengths(`@billing/${PATTERN}`)).toMatchObject({
        waiting: 0,
        processing: 0,
        dead: 0,
      }),
    );
    expect(again.all('got')).toHaveLength(1);
  });

  test('of a wildcard knows the pattern of each event, and shares events with our server', async () => {
    const theirs = await rig.consume('order.#', '--group', 'audit');
    const ours: unknown[] = [];
    const note = async (data: unknown, context: RedisQueueContext): Promise<void> => {
      ours.push({ pattern: context.getPattern(), data });
      await eventually(() => expect(theirs.all('got')).not.toEqual([])); // neither takes all of them
    };
    const options = { group: 'audit', concurrency: 1 };
    await rig.nest.serve({ controllers: [eventControllerOf('order.#', note, options)] });
    const patterns = ['order', 'order.placed', 'order.line.added'];
    const events = Array.from({ length: 60 }, (_, data) => ({
      pattern: patterns[data % 3] ?? '',
      data,
    }));

    const client = rig.nest.client();
    const emitted = events.map(({ pattern, data }) => lastValueFrom(client.emit(pattern, data)));
    expect(await Promise.all(emitted)).toMatchObject(events.map(() => ({ groups: 1 })));

    await eventually(() => {
      const all = [...ours, ...theirs.all('got')] as { data: number }[];
      expect(all.sort((one, other) => one.data - other.data)).toEqual(events);
    });
    expect(ours).not.toEqual([]);
    expect(theirs.all('got')).not.toEqual([]);
  });
});

describe('listen.py', () => {
  test('hears by wildcards what our client emits', async () => {
    const client = rig.nest.client();
    expect(await lastValueFrom(client.emit(PATTERN, 'early'))).toMatchObject({ listeners: 0 });
    const listener = rig.run('listen', 'order.*', 'order.#');
    await listener.prints('listening to order.*');
    await listener.prints('listening to order.#');

    const results = [PATTERN, 'order.line.added'].map((pattern) =>
      lastValueFrom(client.emit(pattern, pattern)),
    );

    expect(await Promise.all(results)).toMatchObject([{ listeners: 2 }, { listeners: 1 }]);
    await eventually(() => {
      expect(listener.all(PATTERN)).toEqual([PATTERN, PATTERN]);
      expect(listener.all('order.line.added')).toEqual(['order.line.added']);
    });
  });

  test('enters its wildcards in the index again after its connection was lost', async () => {
    const listener = rig.run('listen', 'order.*');
    await listener.prints('listening to');
    await rig.admin().forgetListeners('order.*');
    await rig.nest.commands.call('CLIENT', 'KILL', 'TYPE', 'pubsub');

    await eventually(() => expect(listener.all('listening')).toHaveLength(2));
    await lastValueFrom(rig.nest.client().emit(PATTERN, 'later'));
    expect(await listener.prints(`${PATTERN} `)).toBe('later');
  });
});
