import 'reflect-metadata';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { startRedis } from 'local-redis';
import type { LocalRedis } from 'local-redis';
import { RedisQueueAdmin, RedisQueueClient, RedisQueueServer } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { pasteUsers, rulesOf } from './acl-users.js';
import { EveryWay } from './every-way.js';
import { RecordedCommands } from './recorded-commands.js';

@Controller()
class WorksController {
  @MessagePattern('works')
  works(data: string): string {
    return data;
  }
}

@Module({ controllers: [WorksController] })
class WorksModule {}

const ROLES = ['producer', 'consumer', 'administrator', 'observer'] as const;

type Role = (typeof ROLES)[number];
type Command = readonly [string, ...string[]];

/**
 * Commands that ioredis sends by itself and does not need, that MONITOR does not show, or that are sent only on a quiet
 * connection. (The user for everything needs them too: acl.spec.ts sees them.)
 */
const UNRECORDED: readonly string[] = [
  'on',
  '>secret',
  'reset',
  '+hello',
  '+info',
  '+client|setname',
  '+client|unblock',
  '+exec',
  '+ping',
];

let redis: LocalRedis;
let operator: Redis;
let recorded: RecordedCommands;
let open: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  redis = await startRedis();
  operator = new Redis(redis.url);
  await pasteUsers(redis, ...ROLES);
  await operator.call('ACL', 'LOG', 'RESET');
});

afterEach(async () => {
  for (const each of open.reverse()) await each.close();
  open = [];
});

afterAll(async () => {
  operator.disconnect();
  await redis.stop();
});

function url(role: Role): string {
  return `redis://${role}:secret@127.0.0.1:${redis.port}`;
}

test('together, the users of docs/permissions.md may do everything that the library does', async () => {
  recorded = await RecordedCommands.start(operator);
  const urls = Object.fromEntries(ROLES.map((role) => [role, url(role)])) as Record<Role, string>;
  const everyWay = new EveryWay(operator, urls);
  open.push(everyWay);

  await everyWay.run(() => recorded.noteUsers());

  await recorded.stop();
  expect(await operator.call('ACL', 'LOG')).toEqual([]);
  const notOfRedis = ['constructor', 'close', 'onApplicationShutdown'];
  const methods = Object.getOwnPropertyNames(RedisQueueAdmin.prototype);
  expect(methods.filter((name) => !notOfRedis.includes(name)).toSorted()).toEqual(
    [...everyWay.administered].toSorted(),
  );
});

/** The user's rules without one of them, or without one word of a selector, in turn. */
function withoutOne(rules: readonly string[]): Map<string, string[]> {
  const variants = new Map<string, string[]>();
  rules.forEach((rule, at) => {
    const put = (name: string, changed: string[]): void => {
      variants.set(name, rules.toSpliced(at, 1, ...changed));
    };
    if (!rule.startsWith('(')) put(rule, []);
    const words = rule.startsWith('(') ? rule.slice(1, -1).split(/\s+/) : [];
    words.forEach((word, wordAt) =>
      put(`${word} in ${rule}`, [`(${words.toSpliced(wordAt, 1).join(' ')})`]),
    );
  });
  return variants;
}

async function refusedOf(
  rules: readonly string[],
  commands: readonly (readonly string[])[],
): Promise<unknown[]> {
  await operator.call('ACL', 'SETUSER', 'probe', ...rules);
  const pipeline = operator.pipeline();
  for (const command of commands) pipeline.call('ACL', 'DRYRUN', 'probe', ...command);
  const answers = (await pipeline.exec()) ?? [];
  for (const [error] of answers) if (error !== null) throw error;
  return commands.flatMap((command, index) =>
    answers[index]?.[1] === 'OK' ? [] : [[...command, answers[index]?.[1]].join(' ')],
  );
}

/** With as many words as Redis requires. Those after the keys do not matter. */
async function complete(commands: readonly (readonly string[])[]): Promise<string[][]> {
  const names = [...new Set(commands.map(([name = '']) => name.toLowerCase()))];
  const infos = (await operator.call('COMMAND', 'INFO', ...names)) as [string, number][];
  const arities = new Map(infos.map(([name, arity]) => [name, arity]));
  return commands.map((words) => {
    const arity = arities.get((words[0] ?? '').toLowerCase()) ?? 0;
    const most = arity < 0 ? Math.max(words.length, -arity) : arity;
    return Array.from({ length: most }, (_, index) => words[index] ?? 'x');
  });
}

/** What each user must be refused, with existing keys. */
const MUST_NOT: Readonly<Record<Role, readonly Command[]>> = {
  producer: [
    ['LPOP', 'rq:{work}:waiting'],
    ['LRANGE', 'rq:{work}:waiting', '0', '-1'],
    ['LTRIM', 'rq:{work}:waiting', '1', '0'],
    ['DEL', 'rq:{work}:waiting'],
    ['UNLINK', 'rq:{work}:waiting'],
    ['LMOVE', 'rq:{work}:waiting', 'rq:{x}:waiting', 'LEFT', 'RIGHT'],
    ['RENAME', 'rq:{work}:waiting', 'rq:{x}:waiting'],
    ['SET', 'rq:{work}:waiting', 'x'],
    ['PEXPIRE', 'rq:{work}:waiting', '1'],
    ['ZREMRANGEBYSCORE', 'rq:{later}:delayed', '-inf', '+inf'],
    ['ZREMRANGEBYRANK', 'rq:{later}:delayed', '0', '-1'],
    ['HSET', 'rq:groups', '@me/placed', '1'],
    ['HDEL', 'rq:groups', '@billing/placed'],
    ['HINCRBY', 'rq:groups', 'version', '1'],
    ['RPUSH', 'rq:{reply:somebody}:replies', 'x'],
    ['PUBLISH', 'rq:other', 'x'],
    ['SUBSCRIBE', 'rq:event:placed'],
    ['ZADD', 'rq:{work}:consumers', '1', 'me'],
    ['RPUSH', 'rq:{work}:processing:me', 'x'],
    ['XRANGE', 'rq:{work}:dead', '-', '+'],
    ['XRANGE', 'rq:{placed}:history', '-', '+'],
    ['SET', 'rq:{work}:paused', '1'],
    ['EVAL', "return redis.call('LPOP', KEYS[1])", '1', 'rq:{work}:waiting'],
  ],
  consumer: [
    ['PUBLISH', 'rq:event:placed', 'x'],
    ['PUBLISH', 'rq:history:placed', '1 1-0\nx'],
    ['XADD', 'rq:{placed}:history', '*', 'n', '1', 'element', 'x'],
    ['DEL', 'rq:{placed}:history'],
    ['HDEL', 'rq:groups', '@billing/placed'],
    ['HDEL', 'rq:queues', 'work'],
    ['BLMPOP', '0.01', '1', 'rq:{reply:somebody}:replies', 'LEFT'],
    ['LRANGE', 'rq:{reply:somebody}:replies', '0', '-1'],
    ['DEL', 'rq:{reply:somebody}:replies'],
    ['HSET', 'rq:{reply:somebody}:refused', '1', ''],
    ['SET', 'rq:{work}:paused', '1'],
    ['DEL', 'rq:{work}:paused'],
    ['DEL', 'rq:{work}:waiting'],
    ['UNLINK', 'rq:{work}:waiting'],
    ['SET', 'rq:{work}:waiting', 'x'],
    ['PEXPIRE', 'rq:{work}:waiting', '1'],
    ['ZREM', 'rq:{later}:delayed', 'x'],
    ['DEL', 'rq:{work}:dead'],
    ['ZADD', 'rq:{work}:ids', '1', 'a'],
    ['LMOVE', 'rq:{work}:waiting', 'elsewhere', 'LEFT', 'RIGHT'],
    ['LPUSH', 'somebody:else', 'x'],
    ['EVAL', "return redis.call('UNLINK', KEYS[1])", '1', 'rq:{work}:waiting'],
  ],
  administrator: [
    ['PUBLISH', 'rq:event:placed', 'x'],
    ['SUBSCRIBE', 'rq:event:placed'],
    ['XADD', 'rq:{placed}:history', '*', 'n', '1', 'element', 'x'],
    ['XADD', 'rq:{work}:dead', '*', 'element', 'x'],
    ['BLMOVE', 'rq:{work}:waiting', 'rq:{work}:processing:me', 'LEFT', 'RIGHT', '0.01'],
    ['LPOP', 'rq:{work}:waiting'],
    ['RPUSH', 'rq:{work}:processing:me', 'x'],
    ['ZADD', 'rq:{work}:consumers', '1', 'me'],
    ['HSET', 'rq:{work}:roles', 'trial', 'me'],
    ['RPUSH', 'rq:{reply:somebody}:replies', 'x'],
    ['BLMPOP', '0.01', '1', 'rq:{reply:somebody}:replies', 'LEFT'],
    ['HSET', 'rq:{work}:parked', 'a', 'x'],
    ['DEL', 'rq:groups'],
    ['EVAL', "return redis.call('LPUSH', KEYS[1], 'x')", '1', 'rq:{work}:processing:me'],
  ],
  observer: [
    ['RPUSH', 'rq:{work}:waiting', 'x'],
    ['LPOP', 'rq:{work}:waiting'],
    ['DEL', 'rq:{work}:waiting'],
    ['XDEL', 'rq:{work}:dead', '0-1'],
    ['SET', 'rq:{work}:paused', '1'],
    ['HSET', 'rq:groups', '@me/placed', '1'],
    ['PUBLISH', 'rq:{work}:wake', ''],
    ['SUBSCRIBE', 'rq:event:placed'],
    ['LRANGE', 'rq:{reply:somebody}:replies', '0', '-1'],
    ['EVAL', "return redis.call('DEL', KEYS[1])", '1', 'rq:{work}:waiting'],
  ],
};

const BY_NO_ROLE: readonly Command[] = [
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['KEYS', '*'],
  ['SCAN', '0'],
  ['CONFIG', 'GET', '*'],
  ['ACL', 'SETUSER', 'me', 'on'],
  ['SCRIPT', 'FLUSH'],
  ['SHUTDOWN'],
  ['GET', 'somebody:else'],
  ['RPUSH', 'somebody:else', 'x'],
];

describe.each(ROLES)('the %s', (role) => {
  test('has no permission that it does not need', async () => {
    const needless: string[] = [];
    const commands = await complete(recorded.of(role));
    const all = await rulesOf(role);
    expect(await refusedOf(all, commands)).toEqual([]);
    for (const [name, rules] of withoutOne(all)) {
      if (UNRECORDED.includes(name)) continue;
      if ((await refusedOf(rules, commands)).length === 0) needless.push(name);
    }
    expect(needless).toEqual([]);
  });

  test('is refused what is for others, by command and by script', async () => {
    await operator.rpush('rq:{work}:waiting', 'x');
    const connection = new Redis(url(role));
    open.push({ close: () => connection.quit() });
    for (const [command, ...words] of [...MUST_NOT[role], ...BY_NO_ROLE])
      await expect(
        connection.call(command, ...words).then(() => [command, ...words].join(' ')),
      ).rejects.toThrow(/NOPERM|can't run|can't access/);
  });
});

test('a consumer whose keys name its queue serves that queue and touches no other', async () => {
  const rules = await rulesOf('consumer');
  const named = rules.map((rule) => rule.replaceAll('~rq:{*}', '~rq:{works}'));
  await operator.call('ACL', 'SETUSER', 'clerk', ...named);
  await operator.call('ACL', 'LOG', 'RESET');
  const connection = `redis://clerk:secret@127.0.0.1:${redis.port}`;
  const strategy = new RedisQueueServer({ connection });
  const app = await NestFactory.createMicroservice(WorksModule, { strategy, logger: false });
  const client = new RedisQueueClient({ connection: redis.url });
  open.push(app, client);
  await app.listen();

  expect(await lastValueFrom(client.send('works', 'a'))).toBe('a');

  expect(await operator.call('ACL', 'LOG')).toEqual([]);
  await operator.rpush('rq:{other}:waiting', 'x');
  const clerk = new Redis(connection);
  open.push({ close: () => clerk.quit() });
  await expect(clerk.lrange('rq:{other}:waiting', 0, -1)).rejects.toThrow(/NOPERM/);
});

test('an observer is refused each method that changes something, before it does anything', async () => {
  await operator.flushall();
  const client = new RedisQueueClient({ connection: redis.url });
  const observer = new RedisQueueAdmin({ connection: url('observer') });
  open.push(client, observer);
  await lastValueFrom(client.enqueue('work', 'kept'));
  await operator.xadd('rq:{work}:dead', '*', 'element', '{}');
  const { letters } = await observer.deadLetters('work');
  const { entry = '' } = letters[0] ?? {};
  const keysBefore = (await operator.keys('*')).toSorted();
  const changes: (() => Promise<unknown>)[] = [
    () => observer.purge('work'),
    () => observer.forget('work'),
    () => observer.pause('work'),
    () => observer.resume('work'),
    () => observer.pauseAll(),
    () => observer.resumeAll(),
    () => observer.redrive('work', entry),
    () => observer.redriveAll('work'),
    () => observer.deleteDeadLetter('work', entry),
    () => observer.deleteDeadLetters('work'),
    () => observer.declare('placed', { groups: ['me'] }),
    () => observer.retire('placed', 'me', { waiting: 'drop' }),
    () => observer.endHistory('placed', { entries: 'drop' }),
    () => observer.forgetListeners('placed'),
  ];

  for (const change of changes)
    await expect(change()).rejects.toMatchObject({ code: 'REDIS_REFUSED', reply: 'NOPERM' });

  expect((await operator.keys('*')).toSorted()).toEqual(keysBefore);
  expect(await observer.lengths('work')).toMatchObject({ waiting: 1, dead: 1, isPaused: false });
});
