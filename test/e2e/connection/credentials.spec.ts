import { beforeEach, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { ConnectionOption } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

let heard: string[];
let password: string;
let asked: number;

@Controller()
class EchoController {
  @MessagePattern('echo')
  echo(data: string): string {
    return data;
  }

  @EventPattern<string>('happened')
  onHappened(data: string): void {
    heard.push(data);
  }
}

beforeEach(async () => {
  heard = [];
  asked = 0;
  // Closed last: everything that is open has to leave as this user.
  rig.closeLater({ close: () => rig.commands.call('ACL', 'DELUSER', 'service') });
  await rotate('first');
});

async function rotate(to: string): Promise<void> {
  password = to;
  const rules = ['on', 'resetpass', `>${to}`, '~*', '&*', '+@all'];
  await rig.commands.call('ACL', 'SETUSER', 'service', ...rules);
}

function connection(credentials: () => Promise<{ username: string; password: string }>) {
  return { host: '127.0.0.1', port: rig.redis.port, credentials } satisfies ConnectionOption;
}

async function current(): Promise<{ username: string; password: string }> {
  asked += 1;
  await Promise.resolve();
  return { username: 'service', password };
}

test('every connection is opened, and reopened, with what the function returns at that time', async () => {
  const client = rig.client({ connection: connection(current) });
  const options = { connection: connection(current) };
  await rig.serve({ controllers: [EchoController] }, options);
  const admin = rig.closeLater(new RedisQueueAdmin({ ...options, prefix: rig.prefix }));
  expect(await lastValueFrom(client.send('echo', 'a'))).toBe('a');
  expect(await admin.queues()).toEqual(['echo']);
  const names = await rig.connections();
  // The server's for commands, events and a wait; the client's for commands and replies; and the admin's.
  expect(names).toHaveLength(6);
  expect(asked).toBe(6);

  rig.mayRemain(/:replies$/); // ids of a request whose client was cut off
  await rotate('second');
  await rig.commands.call('CLIENT', 'KILL', 'USER', 'service');
  await eventually(async () => expect(await rig.connections()).toHaveLength(6));

  expect(asked).toBeGreaterThanOrEqual(12);
  await eventually(async () => {
    expect(await lastValueFrom(client.send('echo', 'b'))).toBe('b');
  });
  await lastValueFrom(client.emit('happened', 'c'));
  await eventually(() => expect(heard).toEqual(['c']));
});

test('a function that rejects is called again after growing pauses, and this is reported', async () => {
  let fails = true;
  const errors: unknown[] = [];
  const failing = async (): Promise<{ username: string; password: string }> => {
    const given = await current();
    if (fails) throw new Error('the token service is away');
    return given;
  };
  const client = rig.client({ connection: connection(failing), connectTimeoutMs: 700 });
  client.on('error', (error) => errors.push(error));

  const text = /The option connection.credentials did not return any: the token service is away/;
  await expect(client.connect()).rejects.toThrow(text);
  await expect(lastValueFrom(client.enqueue('echo', 1))).rejects.toMatchObject({
    code: 'REDIS_UNAVAILABLE',
    message: expect.stringMatching(text) as unknown,
  });
  expect(asked).toBeGreaterThan(2);
  expect(asked).toBeLessThan(10);
  expect(errors).not.toEqual([]);

  fails = false;
  await eventually(() => client.connect());
  await lastValueFrom(client.enqueue('echo', 1));
});

test('a result without a password is named in the error, without a secret', async () => {
  const nothing = (): Promise<{ username: string; password: string }> =>
    Promise.resolve({ username: 'service', password: undefined as unknown as string });
  const client = rig.client({ connection: connection(nothing), connectTimeoutMs: 200 });
  await expect(client.connect()).rejects.toThrow(/must return \{ username, password \}, both text/);
});
