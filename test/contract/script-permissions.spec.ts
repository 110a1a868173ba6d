import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';
import { connectionSource } from '../../libs/redis-queue-transport/src/redis/address/connection-source.js';
import { RedisConnection } from '../../libs/redis-queue-transport/src/redis/connection/redis-connection.js';
import { permissionCheck } from '../../libs/redis-queue-transport/src/redis/script/script-permissions.js';
import { Script } from '../../libs/redis-queue-transport/src/redis/script/script.js';
import {
  RedisQueueAdmin,
  RedisQueueClient,
  RedisQueueRecordBuilder,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { redisRig } from '../support/redis-rig.js';

const rig = redisRig();

type AnyScript = Script<string, string, unknown>;

const SCRIPTS = 'libs/redis-queue-transport/src/redis';

async function allScripts(): Promise<Map<string, AnyScript>> {
  const files = (await readdir(SCRIPTS, { recursive: true })).filter((file) =>
    file.endsWith('.script.ts'),
  );
  const scripts = new Map<string, AnyScript>();
  for (const file of files) {
    const path = pathToFileURL(resolve(SCRIPTS, file)).href;
    const exported = (await import(path)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(exported))
      if (value instanceof Script) scripts.set(name, value as AnyScript); // its names are read below
  }
  return scripts;
}

function namesOf(script: AnyScript): { keys: readonly string[]; args: readonly string[] } {
  const { keys, args } = Reflect.get(script, 'definition') as ReturnType<typeof namesOf>;
  return { keys, args };
}

test('every script names each command that its user lacks, before it does anything', async () => {
  const { commands, prefix, redis } = rig;
  await commands.call('ACL', 'SETUSER', 'clerk', 'on', '>pw', '~*', '&*');
  rig.closeLater({ close: () => commands.call('ACL', 'DELUSER', 'clerk') });
  const scripts = await allScripts();
  expect(scripts.size).toBeGreaterThan(20);
  const asked: Record<string, readonly string[]> = {};
  for (const [name, script] of scripts) {
    await commands.call('ACL', 'SETUSER', 'clerk', '-@all', '+eval', '+evalsha', '+client|id');
    const connection = rig.closeLater(
      new RedisConnection(
        connectionSource(`redis://clerk:pw@127.0.0.1:${redis.port}`),
        'rq-clerk',
        5_000,
      ),
    );
    await connection.ready(5_000);
    const { keys, args } = namesOf(script);
    const keyOf = (key: string): [string, string] => [key, `${prefix}:{q}:${key}`];
    const run = (): Promise<unknown> =>
      script.run(
        connection,
        Object.fromEntries(keys.map(keyOf)),
        Object.fromEntries(args.map((arg) => [arg, 0])),
      );
    const lacking: string[] = [];
    for (;;) {
      const error: unknown = await run().catch((refusal: unknown) => refusal);
      const reply: unknown = error instanceof Error ? Reflect.get(error, 'reply') : undefined;
      if (reply !== 'NOPERM') break;
      const [, command = ''] = /permissions to run the '(\w+)' command/.exec(String(error)) ?? [];
      expect(command).not.toBe('');
      expect(lacking).not.toContain(command);
      lacking.push(command);
      expect(await commands.dbsize()).toBe(0);
      await commands.call('ACL', 'SETUSER', 'clerk', `+${command}`);
    }
    asked[name] = lacking;
    connection.close();
    await commands.flushall();
  }
  expect(asked).toMatchObject({
    exchange: expect.arrayContaining(['ltrim', 'lrem', 'zadd', 'xadd', 'publish']) as unknown,
    hold: expect.arrayContaining(['rpush', 'zadd', 'pexpire', 'publish']) as unknown,
    emitLive: ['hget', 'publish', 'hgetall'],
    reply: expect.arrayContaining(['rpush', 'pexpire']) as unknown,
  });
});

test('a user may run the scripts if each command is allowed only on the keys that need it', async () => {
  const { commands, prefix, redis } = rig;
  const selectors = [
    `(~${prefix}:{*}:ids ~${prefix}:{*}:emitted +zremrangebyscore)`,
    `(~${prefix}:{*}:history +xadd +xtrim)`,
    `(~${prefix}:{*}:history:count +incr +incrby)`,
  ];
  const rest = ['-zremrangebyscore', '-xadd', '-xtrim', '-incr', '-incrby'];
  await commands.call(
    'ACL',
    'SETUSER',
    'clerk',
    'on',
    '>pw',
    `~${prefix}:*`,
    '&*',
    '+@all',
    ...rest,
    ...selectors,
  );
  rig.closeLater({ close: () => commands.call('ACL', 'DELUSER', 'clerk') });
  const connection = `redis://clerk:pw@127.0.0.1:${redis.port}`;
  const client = rig.closeLater(new RedisQueueClient({ connection, prefix }));
  const declaration = { groups: ['billing'], history: { maxLength: 10 } };
  await rig.closeLater(new RedisQueueAdmin({ connection, prefix })).declare('placed', declaration);

  const once = new RedisQueueRecordBuilder({}).id('a').deduplicate(1_000).build();
  await lastValueFrom(client.enqueue('work', once));
  expect(await lastValueFrom(client.emit('placed', {}))).toMatchObject({ groups: 1 });
  await lastValueFrom(client.emit('placed', once));

  expect(await commands.xlen(`${prefix}:{placed}:history`)).toBe(2);
});

test('the check of permissions finds each command, and its key if the text names it', () => {
  const check = permissionCheck(
    `redis.call('RPUSH', waiting, 'LEFT') refusal('LLEN', list.waiting)
     redis.pcall('PUBLISH', wake, '') redis.pcall('PUBLISH', route.only, '')
     redis.call( 'ZADD' , delayed, 1, ARGV[1]) redis.call('TIME') string.find(x, 'RAW')`,
    ['waiting', 'wake', 'delayed'],
  );
  const found = [...check.matchAll(/\{ '([A-Z]+)', (\w+) \}/g)].map(([, command, on]) => [
    command,
    on,
  ]);
  expect(found).toEqual([
    ['RPUSH', 'waiting'],
    ['LLEN', 'nil'],
    ['PUBLISH', 'wake'],
    ['PUBLISH', 'nil'],
    ['ZADD', 'delayed'],
    ['TIME', 'nil'],
  ]);
});
