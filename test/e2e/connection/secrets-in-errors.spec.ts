import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Controller, Logger } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import type { RedisOptions } from 'ioredis';
import { RedisQueueAdmin, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import type { ConnectionOption } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { isPush } from '../../faults/commands.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';

const rig = nestRig();

const PASSWORD = 'pass-of-the-service';
const DATA = 'what-only-the-receiver-may-know';

@Controller()
class QuietController {
  @MessagePattern('quiet')
  quiet(): string {
    return DATA;
  }
}

/** Everything that a program could print of what it was told. */
let told: unknown[];

beforeEach(async () => {
  told = [];
  await setUser('reset', 'on', `>${PASSWORD}`, '~*', '&*', '+@all');
});

afterEach(() => rig.commands.call('ACL', 'DELUSER', 'service'));

function setUser(...rules: string[]): Promise<unknown> {
  return rig.commands.call('ACL', 'SETUSER', 'service', ...rules);
}

function service(port = rig.redis.port): RedisOptions {
  return { host: '127.0.0.1', port, username: 'service', password: PASSWORD };
}

function expectNoSecret(): void {
  expect(told).not.toEqual([]);
  const everything = inspect([told, rig.logs.lines], { depth: Infinity, showHidden: true });
  // Their beginnings, since even an excerpt is too much.
  for (const secret of [PASSWORD, DATA]) expect(everything).not.toContain(secret.slice(0, 6));
}

async function note(call: Promise<unknown>): Promise<void> {
  told.push(await call.catch((error: unknown) => error));
}

async function everyone(connection: ConnectionOption): Promise<void> {
  const client = rig.client({ connection, connectTimeoutMs: 300 });
  client.on('error', (error) => told.push(error));
  await note(client.connect());
  await note(lastValueFrom(client.enqueue('quiet', { DATA })));
  const server = rig.strategy({ connection, connectTimeoutMs: 300 });
  server.on('error', (error) => told.push(error));
  const app = await rig.microservice({ controllers: [QuietController] }, server);
  await note(app.listen());
  const options = { connection, prefix: rig.prefix, connectTimeoutMs: 300 };
  const admin = rig.closeLater(new RedisQueueAdmin(options));
  await note(admin.lengths('quiet'));
}

describe('no password and no data appear in what is reported', () => {
  test.each([2, 3])('a password that is wrong (RESP%d)', async (protocol) => {
    await setUser('resetpass', '>another');

    await everyone({ ...service(), protocol: protocol as 2 | 3 });

    expectNoSecret();
  });

  test('a Redis that does not know AUTH', async () => {
    await setUser('-auth', '-hello');

    await everyone({ ...service(), protocol: 2 });
    await everyone({ ...service(), protocol: 3 });

    expectNoSecret();
  });

  test('refusals by Redis', async () => {
    const client = rig.client({ connection: service() });
    client.on('error', (error) => told.push(error));
    await client.connect();
    await setUser('-rpush', '-eval', '-evalsha');

    await note(lastValueFrom(client.enqueue('quiet', { DATA })));
    const record = new RedisQueueRecordBuilder({ DATA }).id('a').deduplicate(1_000).build();
    await note(lastValueFrom(client.enqueue('quiet', record)));
    await note(lastValueFrom(client.emit('happened', { DATA })));
    await note(lastValueFrom(client.enqueueMany('quiet', [{ DATA }, { DATA }])));

    expectNoSecret();
  });

  test('calls that were in flight when the connection was lost', async () => {
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const client = rig.client({ connection: service(Number(new URL(proxy.url).port)) });
    client.on('error', (error) => told.push(error));
    await client.connect();

    const lost = proxy.dropReply(isPush);
    await note(lastValueFrom(client.enqueue('quiet', { DATA })));
    await lost.happened;

    expect(told.at(-1)).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expectNoSecret();
  });

  test('a reply that cannot be sent', async () => {
    const server = rig.strategy({ connection: service() });
    server.on('error', (error) => told.push(error));
    const app = await rig.microservice({ controllers: [QuietController] }, server);
    Logger.overrideLogger({
      log: () => undefined,
      warn: (...words: unknown[]) => told.push(words),
      error: (...words: unknown[]) => told.push(words),
    });
    await app.listen();
    await setUser('-pexpire');

    const asked = lastValueFrom(rig.client({ requestTimeoutMs: 3_000 }).send('quiet', {}));
    await note(asked);

    await eventually(() => expect(inspect(told, { depth: 9 })).toContain('pexpire'));
    expectNoSecret();
  });

  test.each<[string, string | Buffer]>([
    ['text that is not JSON', DATA],
    ['JSON that ends early', JSON.stringify({ DATA }).slice(0, -1)],
    ['a header that is not JSON', `{"rq":1,${DATA}}\n"x"`],
    ['a body that is not JSON', `{"rq":1,"id":"a"}\n${DATA}`],
    ['a body that its codec does not know', `{"rq":1,"id":"a","codec":"gzip"}\n${DATA}`],
  ])('%s', async (_, element) => {
    await rig.serve({ controllers: [QuietController] });

    await rig.commands.rpush(rig.queue('quiet').waitingKey, element);

    await eventually(async () =>
      expect(await rig.commands.xlen(`${rig.prefix}:{quiet}:dead`)).toBe(1),
    );
    const admin = rig.closeLater(new RedisQueueAdmin(rig.serverOptions()));
    const { letters } = await admin.deadLetters('quiet');
    told.push(letters[0]?.error);
    expectNoSecret();
  });
});
