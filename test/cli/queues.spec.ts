import { expect, jest, test } from '@jest/globals';
import { startRedis } from 'local-redis';
import { RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { eventually } from '../support/eventually.js';
import { cliRig } from './cli-rig.js';

jest.setTimeout(120_000);

const { rig, run, json, start } = cliRig();

test('queues are listed with their lengths and how fast they grow', async () => {
  const client = rig.client();
  await client.enqueueMany('work', [1, 2]);
  const watching = start(['queues', '--watch', '--every', '500ms', '--json']);
  await watching.printed('"waitingPerSecond":null');
  await watching.printed('"waitingPerSecond":0');
  await client.enqueue('work', 3);
  await watching.printed(/"waitingPerSecond":[1-9.]/);
  watching.interrupt();
  expect(await watching.result()).toMatchObject({ code: 0, err: '' });

  const { queues } = (await json('queues', '--every', '0s')) as { queues: unknown[] };
  expect(queues).toMatchObject([{ queue: 'work', waiting: 3, consumers: 0, isPaused: false }]);
  const { out, code } = await run('queues', '--every', '100ms');
  expect(code).toBe(0);
  expect(out).toMatch(/^QUEUE +WAITING +WAITING\/S +AGE .*\nwork +3 +0 /);
});

test('queues says which queue is full, and that copies of events were dropped', async () => {
  const client = rig.client();
  await client.enqueueMany('work', [1, 2]);
  await rig.commands.hset(`${rig.prefix}:{work}:terms`, 'maxLength', '2');
  await rig.commands.hset(`${rig.prefix}:{work}:counts`, 'copiesDropped', '3');
  const { out } = await run('queues', '--every', '0s');
  expect(out).toMatch(/^work +2 .*full, at most 2, 3 copies dropped$/m);
});

test('queues and limits say what holds messages back, and for how long', async () => {
  const terms = { maxLength: '3', limit: '2 running, 5 in 60000 ms', 'perKey.running': '4' };
  await rig.client().enqueueMany('work', [1, 2]);
  await rig.client().enqueue('free', 1);
  const key = (part: string): string => `${rig.prefix}:{work}:${part}`;
  await rig.commands.hset(key('terms'), { ...terms, order: 'newestFirst' });
  await rig.commands.set(key('slowed'), '90000', 'PX', 90_000);
  await rig.commands.set(key('rate'), `${Date.now() + 11_000}000`, 'PX', 90_000);
  await rig.commands.zadd(key('consumers'), Date.now() + 600_000, 'c');
  await rig.commands.rpush(key('processing:c'), '1', '2', '3');

  const { out } = await run('limits');
  expect(out).toMatch(/^QUEUE +RUNNING +RATE +LENGTH +PER KEY +ORDER\n/);
  const states = 'slowed down for 1m [0-9]+s, 3 of 2 run, next by its rate in [0-9.]+s';
  const row = `\nwork +3 of 2 +5 in 1m +2 of 3 +4 +newest first +${states}\n$`;
  expect(out).toMatch(new RegExp(row));
  expect((await run('queues', '--every', '0s')).out).toMatch(new RegExp(`\nwork +2 .*${states}\n`));
  expect(await json('limits', 'work', 'free')).toMatchObject({
    queues: [
      {
        queue: 'work',
        limit: { running: 2, rate: 5, perMs: 60_000 },
        maxLength: 3,
        isFull: false,
        perKey: { running: 4 },
        order: 'newestFirst',
        slowedMs: expect.any(Number),
        rateWaitMs: expect.any(Number),
        processing: 3,
      },
      { queue: 'free', perKey: { running: 1 }, order: 'oldestFirst', slowedMs: 0, rateWaitMs: 0 },
    ],
  });
  await rig.commands.del(key('processing:c'), key('consumers'));
});

test('limits without any says so', async () => {
  await rig.client().enqueue('free', 1);
  expect(await run('limits')).toMatchObject({ out: '', err: 'No queue has a limit.\n' });
  expect((await run('limits', 'free')).out).toMatch(/\nfree +0 +1 +1 +oldest first\n$/);
});

test('queues counts messages in lanes for a full queue', async () => {
  const client = rig.client();
  await client.enqueueMany('work', [1, 2], { key: 'a' });
  await rig.commands.hset(`${rig.prefix}:{work}:terms`, 'maxLength', '2');
  const { out } = await run('queues', '--every', '0s');
  expect(out).toMatch(/^work +1 .*full, at most 2$/m);
});

test('queues that can be read are listed beside one that cannot, and so are groups', async () => {
  const client = rig.client({ declare: { 'user.created': { groups: ['mail', 'sms'] } } });
  await client.enqueue('good', 1);
  await client.emit('user.created', 1);
  const [bad, key] = ['@mail/user.created', `${rig.prefix}:{user.created}@mail:dead`];
  await rig.commands.set(key, 'of another program');
  const told = `Queue "${bad}": `;

  const seen = await run('queues', '--json');
  expect(seen).toMatchObject({ code: 4, err: expect.stringContaining(told) as never });
  expect(seen.json).toMatchObject({
    queues: [{ queue: '@sms/user.created' }, { queue: 'good', waiting: 1, waitingPerSecond: 0 }],
    unreadable: [{ queue: bad, error: expect.stringContaining(key) }],
  });
  const shown = await run('queues', '--every', '100ms');
  expect(shown).toMatchObject({ code: 4, err: expect.stringContaining(key) as never });
  expect(shown.out).toMatch(/^good +1 +0 /m);
  expect(shown.out).toMatch(/^@mail\/user\.created +cannot be looked at: WRONGTYPE$/m);

  const groups = await run('groups');
  expect(groups).toMatchObject({ code: 4, err: expect.stringContaining(told) as never });
  expect(groups.out).toMatch(/^user\.created +sms +1 +0 +0$/m);
  expect(groups.out).toMatch(/^user\.created +mail +cannot be looked at: WRONGTYPE$/m);
  const listed = await run('groups', '--json');
  expect(listed).toMatchObject({ code: 4 });
  expect(listed.json).toMatchObject({ unreadable: [{ queue: bad }] });

  await rig.commands.del(key);
  await client.enqueue('bad', 1);
  await rig.commands.set(`${rig.prefix}:{bad}:dead`, 'of another program');
  expect(await run('groups')).toMatchObject({ code: 0, err: '' });
});

test('a watch goes on when Redis is back', async () => {
  const redis = await startRedis();
  rig.closeLater({ close: () => redis.stop() });
  const watching = start(['queues', '--watch', '--every', '100ms', '--json'], { url: redis.url });
  await watching.printed('{"queues":[],"unreadable":[]}');
  await redis.kill();
  await watching.printed('warning: ');
  await redis.restart();
  const before = watching.out.length;
  await eventually(() => expect(watching.out.length).toBeGreaterThan(before), 30_000);
  watching.interrupt();
  expect(await watching.result()).toMatchObject({ code: 0 });
});

test('without queues, it asks whether the prefix is right', async () => {
  expect(await run('queues')).toMatchObject({ code: 0, out: '', err: /prefix right/ as never });
});

test('waiting messages are shown with headers and data', async () => {
  const record = new RedisQueueRecordBuilder({ to: 'ada' }).id('m-1').headers({ tenant: 'acme' });
  await rig.client().enqueue('mail', record.build());
  await rig.client().enqueue('mail', 'second');

  expect(await json('peek', 'mail')).toMatchObject({
    messages: [
      {
        id: 'm-1',
        attempt: 1,
        sentAt: expect.any(String),
        headers: { tenant: 'acme' },
        data: { to: 'ada' },
      },
      { data: 'second' },
    ],
  });
  expect(await json('peek', 'mail', '--offset', '1', '--limit', '5')).toMatchObject({
    messages: [{ data: 'second' }],
  });
  expect((await run('peek', 'mail')).out).toMatch(/\nm-1 .* 1 +{"to":"ada"}\n/);
  const emptied = await run('peek', 'mail', '--offset', '2');
  expect(emptied).toMatchObject({ code: 0, out: '', err: 'Nothing waits in "mail".\n' });
});

test('messages behind others of their key are counted, listed by key, and shown', async () => {
  for (const [id, key] of Object.entries({ a1: 'ä b', a2: 'ä b', a3: 'ä b', b1: 'b', b2: 'b' }))
    await run('enqueue', 'mail', `"${id}"`, '--id', id, '--key', key);

  expect(await json('queues', '--every', '0s')).toMatchObject({
    queues: [{ queue: 'mail', waiting: 2, inLanes: 3 }],
  });
  expect(await json('lanes', 'mail')).toEqual({
    lanes: [
      {
        key: 'ä b',
        out: 1,
        waiting: 2,
        isPaused: false,
        restsUntil: null,
        oldestSentAt: expect.any(String),
      },
      {
        key: 'b',
        out: 1,
        waiting: 1,
        isPaused: false,
        restsUntil: null,
        oldestSentAt: expect.any(String),
      },
    ],
  });
  expect((await run('lanes', 'mail', '--limit', '1')).out).toMatch(/^KEY.*\nä b +1 +2 +20.*\n$/);
  expect(await json('peek', 'mail', '--key', 'ä b')).toMatchObject({
    messages: [{ id: 'a2' }, { id: 'a3' }],
  });
  expect(await run('lanes', 'nowhere')).toMatchObject({ code: 1 });
  const paused = await run('pause', 'mail', '--key', 'ä b');
  expect(paused).toMatchObject({ code: 0, out: 'paused: "mail", key "ä b"\n' });
  expect((await run('lanes', 'mail')).out).toMatch(/\nä b +1 +2 +20.* paused\n/);
  expect(await json('resume', 'mail', '--key', 'ä b')).toEqual({ resumed: ['mail'], key: 'ä b' });
  expect((await run('lanes', 'mail')).out).not.toContain('paused');
});

test('keys that wait for what somebody deleted are found by the doctor, and go on when repaired', async () => {
  const client = rig.client();
  await client.enqueueMany('mail', [1, 2, 3], { key: 'a\u001bb' });
  expect(await run('lanes', 'mail', '--repair')).toMatchObject({
    code: 0,
    err: expect.stringContaining('All keys of "mail" are counted right.') as never,
  });
  await rig.commands.del(`${rig.prefix}:{mail}:waiting`);

  const { findings } = (await run('doctor', '--json')).json as {
    findings: readonly { id: string; what: string; todo: string; queue?: string }[];
  };
  expect(findings.find(({ id }) => id === 'wrong-lanes')).toMatchObject({
    level: 'wrong',
    queue: 'mail',
    what: expect.stringContaining('1 key of "mail" is counted wrong') as never,
    todo: expect.stringContaining('redis-queue lanes mail --repair') as never,
  });

  expect(await json('lanes', 'mail', '--repair')).toEqual({
    repaired: [{ key: 'a\u001bb', counted: 1, out: 0, waiting: 2 }],
    inLanes: { counted: 2, there: 2 },
  });
  expect(await rig.commands.llen(`${rig.prefix}:{mail}:waiting`)).toBe(1);
  await rig.commands.hset(`${rig.prefix}:{mail}:lanes`, ':waiting', 7);
  expect((await run('lanes', 'mail', '--repair')).err).toMatch(/7 messages in lanes were counted/);
  await rig.commands.hset(`${rig.prefix}:{mail}:lanes`, 'b', 3);
  expect((await run('lanes', 'mail', '--repair')).out).toMatch(/^KEY +COUNTED .*\nb +3 +0 +0\n$/);
  expect(await run('lanes', 'nowhere', '--repair')).toMatchObject({ code: 1 });
  expect(await run('lanes', 'mail', '--repair', '--limit', '1')).toMatchObject({ code: 2 });
});

test('a queue that is too long to be counted is refused, and the doctor says so', async () => {
  await rig.client().enqueueMany('mail', [1, 2], { key: 'a' });
  const many = Array.from({ length: 4_001 }, () => '{}');
  await rig.commands.rpush(`${rig.prefix}:{mail}:waiting`, ...many);
  const told = await run('lanes', 'mail', '--repair');
  expect(told).toMatchObject({ code: 4, err: expect.stringContaining('too long') as never });
  const { findings } = (await run('doctor', '--json')).json as {
    findings: readonly { id: string }[];
  };
  expect(findings.map(({ id }) => id)).toContain('lanes-not-counted');
});

test('messages of several priorities are sent, counted and shown in the order in which they are taken', async () => {
  for (const [id, ...priority] of [['a'], ['b', '--priority', '0'], ['c', '--priority', '9']])
    await run('enqueue', 'mail', `"${id}"`, '--id', id ?? '', ...priority);

  expect(await json('queues', '--every', '0s')).toMatchObject({
    queues: [{ queue: 'mail', waiting: 3, byPriority: { 9: 1, 4: 1, 0: 1 } }],
  });
  expect(await json('peek', 'mail')).toMatchObject({
    messages: [
      { id: 'c', priority: 9 },
      { id: 'a', priority: 4 },
      { id: 'b', priority: 0 },
    ],
  });
  expect((await run('peek', 'mail')).out).toMatch(
    /PRIORITY.*\nc .* 9 +"c"\na .* 4 +"a"\nb .* 0 +"b"\n$/,
  );
  expect((await run('enqueue', 'mail', '1', '--priority', '10')).code).not.toBe(0);
});

test('delayed messages are listed and made due', async () => {
  const client = rig.client();
  for (const id of ['a', 'b', 'c'])
    await client.enqueue('mail', new RedisQueueRecordBuilder(id).id(id).delay(60_000).build());

  expect(await json('delayed', 'list', 'mail')).toMatchObject({
    messages: [{ id: 'a', dueAt: expect.any(String) }, { id: 'b' }, { id: 'c' }],
  });
  expect(await json('delayed', 'advance', 'mail', 'b')).toEqual({ advanced: 1, missing: [] });
  const none = await run('delayed', 'advance', 'mail', 'x', '--json');
  expect(none).toMatchObject({ code: 1 });
  expect(none.json).toEqual({ advanced: 0, missing: ['x'] });
  expect(none.err).toContain('No delayed message of "mail" has the id x.');
  expect((await run('delayed', 'advance', 'mail', '--all')).out).toBe('3 messages made due\n');
  expect(await run('delayed', 'advance', 'mail')).toMatchObject({ code: 2 });
});

test('all queues, or those of a group, are paused and resumed', async () => {
  const client = rig.client({ declare: { placed: { groups: ['billing'] } } });
  await client.enqueue('work', 1);
  expect((await run('pause', '--all')).out).toBe('paused: "@billing/placed", "work"\n');
  expect(await json('resume', '--group', 'billing')).toEqual({ resumed: ['@billing/placed'] });
  expect((await run('queues', '--every', '0s')).out).toMatch(/\nwork .* paused\n/);
  expect(await json('resume', '--all')).toEqual({ resumed: ['@billing/placed', 'work'] });
  expect((await run('pause', '--group', 'nobody')).out).toBe('paused: no queue\n');
  for (const words of [[], ['work', '--all'], ['--all', '--group', 'billing']]) {
    const { code, err } = await run('pause', ...words);
    expect(code).toBe(2);
    expect(err).toContain('one of the three');
  }
});

test.each([
  ['peek', 'nosuch'],
  ['delayed', 'list', 'nosuch'],
  ['delayed', 'advance', 'nosuch', '--all'],
  ['dead', 'list', 'nosuch', '--json'],
  ['dead', 'list', 'nosuch', '--reason', 'rejected'],
  ['dead', 'redrive', 'nosuch', '--all'],
  ['dead', 'delete', 'nosuch', '--all'],
  ['purge', 'nosuch'],
])('%s of a queue that does not exist ends with 1: %s %s', async (...words) => {
  const { code, out, err } = await run(...words);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain(`There is no queue "nosuch" below the prefix "${rig.prefix}".`);
});

test('a queue exists while something of it does, even if it is not listed', async () => {
  await rig.commands.rpush(`${rig.prefix}:{alone}:waiting`, '1');
  expect((await run('dead', 'list', 'alone')).code).toBe(0);
  await rig.commands.hset(`${rig.prefix}:queues`, 'listed', 'served');
  expect((await run('peek', 'listed')).code).toBe(0);
});

test('the names of queues that are empty and not served are forgotten, one by one or all', async () => {
  const client = rig.client();
  for (const name of ['full', 'old', 'older', 'paused']) await client.enqueue(name, 1);
  for (const name of ['old', 'older', 'paused']) await run('purge', name, '--yes');
  await run('pause', 'paused');
  const names = async (): Promise<string[]> =>
    ((await json('queues', '--every', '0s')) as { queues: { queue: string }[] }).queues.map(
      ({ queue }) => queue,
    );

  const { code, out } = await run('forget', 'old', 'full', 'paused', 'nosuch');
  expect(code).toBe(1);
  expect(out.split('\n')).toEqual([
    '"old": forgotten',
    expect.stringMatching(/^"full": left alone: messages wait/),
    expect.stringMatching(/^"paused": left alone: it is paused/),
    '"nosuch": there is nothing of it',
    '',
  ]);
  expect(await names()).toEqual(['full', 'older', 'paused']);
  expect(await run('forget', '--all')).toMatchObject({ code: 0, out: '1 queue forgotten\n' });
  expect(await names()).toEqual(['full', 'paused']);
  expect(await run('forget')).toMatchObject({ code: 2 });
});

test('a queue is paused, resumed and purged, which asks first', async () => {
  const client = rig.client();
  await client.enqueueMany('work', [1, 2]);
  await client.enqueue('work', new RedisQueueRecordBuilder(3).delay(60_000).build());

  expect((await run('pause', 'work', 'other')).out).toBe('paused: "work", "other"\n');
  expect(await json('queues', '--every', '0s')).toMatchObject({ queues: [{ isPaused: true }] });
  expect(await json('resume', 'work', 'other')).toEqual({ resumed: ['work', 'other'] });
  expect(await json('queues', '--every', '0s')).toMatchObject({ queues: [{ isPaused: false }] });

  const unasked = await run('purge', 'work');
  expect(unasked).toMatchObject({ code: 2, out: '' });
  expect(unasked.err).toContain('--yes');
  expect(await rig.queue('work').waiting()).toHaveLength(2);
  expect((await run('purge', 'work', '--yes')).out).toBe('3 messages removed\n');
  expect(await rig.queue('work').waiting()).toEqual([]);
});
