import { beforeEach, expect, jest, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { RedisQueueClient } from 'nestjs-redis-queue-transport';
import { eventually } from '../support/eventually.js';
import { cliRig } from './cli-rig.js';

jest.setTimeout(120_000);

const { rig, run, json, start } = cliRig();

let client: RedisQueueClient;

beforeEach(async () => {
  client = rig.client();
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  await admin.declare('order.*', { groups: ['billing'], history: { maxLength: 10 } });
  for (const [index, name] of ['placed', 'paid', 'sent'].entries())
    await client.emit(`order.${name}`, { index });
});

test('groups are listed with their queues, and histories', async () => {
  expect(await json('groups')).toEqual({
    groups: [
      {
        group: 'billing',
        pattern: 'order.*',
        queue: '@billing/order.*',
        waiting: 3,
        dead: 0,
        consumers: 0,
      },
    ],
    histories: [{ pattern: 'order.*', maxLength: 10, maxAgeMs: null }],
    wildcards: [],
    unreadable: [],
  });
  const { out } = await run('groups');
  expect(out).toMatch(/^PATTERN +GROUP .*\norder\.\* +billing +3 /);
  expect(out).toMatch(/\nHISTORY OF +EVENTS +FOR\norder\.\* +10 +no limit\n$/);
});

interface Listed {
  readonly events: { readonly historyId: string; readonly pattern: string }[];
}

test('a history is listed in both directions, and replayed to a group', async () => {
  const { events } = (await json('history', 'order.*')) as Listed;
  expect(events).toMatchObject([
    { number: 1, pattern: 'order.placed', data: { index: 0 } },
    { number: 2, pattern: 'order.paid' },
    { number: 3, pattern: 'order.sent' },
  ]);
  expect(await json('history', 'order.*', '--newest', '--limit', '1')).toMatchObject({
    events: [{ number: 3 }],
    next: events[1]?.historyId,
  });
  expect((await run('history', 'order.*', '--from', '1h')).out).toMatch(/order\.placed/);
  expect((await run('history', 'order.*', '--from', '2999-01-01')).code).toBe(0);
  const none = await run('history', 'order.placed');
  expect(none).toMatchObject({ code: 1, out: '' });
  expect(none.err).toContain('"order.placed" has no history.');
  expect(await json('replay', 'order.*', 'billing', '--from', events[1]!.historyId)).toEqual({
    replayed: 2,
  });
  expect((await run('replay', 'order.*', 'billing')).out).toBe(
    '3 events given to the group again\n',
  );
  const wrong = await run('replay', 'order.*', 'nobody');
  expect(wrong).toMatchObject({ code: 2, out: '' });
  expect((await run('replay', 'order.*', 'billing', '--from', 'soon')).code).toBe(2);
});

test('a group is ended, and its waiting events are kept or dropped', async () => {
  expect((await run('retire', 'order.*', 'billing')).code).toBe(2);
  expect((await run('retire', 'order.*', 'billing', '--waiting', 'drop')).code).toBe(2);
  expect(await json('retire', 'order.*', 'billing', '--waiting', 'drop', '--yes')).toEqual({
    wasThere: true,
    dropped: 3,
  });
  const again = await run('retire', 'order.*', 'billing', '--waiting', 'keep');
  expect(again).toMatchObject({ code: 1, out: '' });
});

test('events are shown as they happen, by name and by wildcards, and nobody notices the listener', async () => {
  const before = await rig.commands.hgetall(`${rig.prefix}:groups`);
  const one = start(['tail', 'order.paid', '--json', '--count', '1']);
  const some = start(['tail', 'order.#']);
  const all = start(['tail', '#', '--json']);
  await untilListening(3);

  await client.emit('order.placed', { n: 1 });
  await client.emit('order.paid', { n: 2 });
  await client.emit('user.created', { text: '\u001b]0;title\u0007' });

  const [only] = (await one.result()).lines;
  expect(only).toMatchObject({ pattern: 'order.paid', data: { n: 2 }, id: expect.any(String) });
  await some.printed('{"n":2}');
  await all.printed('user.created');
  for (const each of [some, all]) each.interrupt();
  expect((await some.result()).out).toMatch(
    /^[\d:.]+ {2}order\.placed {2}{"n":1}\n[\d:.]+ {2}order\.paid {2}{"n":2}\n$/,
  );
  const last = await all.result();
  expect(last.lines).toMatchObject([
    { pattern: 'order.placed' },
    { pattern: 'order.paid' },
    { pattern: 'user.created', data: { text: '\u001b]0;title\u0007' } },
  ]);
  expect(last).toMatchObject({ code: 0 });
  // eslint-disable-next-line no-control-regex -- that none is there
  expect(last.out).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  expect(await rig.commands.hgetall(`${rig.prefix}:groups`)).toEqual(before);
});

/** With --json, it says nothing, so the test asks Redis. */
async function untilListening(count: number): Promise<void> {
  await eventually(async () => {
    const list = String(await rig.commands.client('LIST'));
    expect(list.match(/ name=rq-tail-.* p?sub=1 /g)).toHaveLength(count);
  }, 30_000);
}
