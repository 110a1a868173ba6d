import { expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { lastValueFrom } from 'rxjs';
import { eventControllerOf } from './controller.js';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';

const rig = nestRig();

function fails(): never {
  throw new Error('of the listener');
}

async function killEventConnections(): Promise<void> {
  const list = String(await rig.commands.client('LIST'));
  for (const [, id = ''] of list.matchAll(/^id=(\d+) .* name=rq-events-/gm))
    await rig.commands.client('KILL', 'ID', id);
}

test('a listener for interruptions that throws still hears each once, and so do others', async () => {
  const told: number[] = [];
  const heard: unknown[] = [];
  const strategy = rig.strategy();
  strategy.on('eventsInterrupted', fails);
  strategy.on('eventsInterrupted', (times) => told.push(times));
  const controller = eventControllerOf('order.*', (data) => heard.push(data));
  await (await rig.microservice({ controllers: [controller] }, strategy)).listen();

  await killEventConnections();
  await eventually(() => expect(told).toEqual([1]));
  await lastValueFrom(rig.client().emit('order.placed', 1));
  await eventually(() => expect(heard).toEqual([1]));
  expect(told).toEqual([1]);
  expect(rig.logs.matching('error', /eventsInterrupted.*of the listener/)).toHaveLength(1);
});

test('a listener for gaps that throws does not keep events from their handlers', async () => {
  const heard: unknown[] = [];
  const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  const strategy = rig.strategy({ connection: proxy.url });
  strategy.on('gap', fails);
  const options = { history: { maxLength: 2 }, recover: { withinMs: 60_000 } };
  const controller = eventControllerOf('price', (data) => heard.push(data), options);
  await (await rig.microservice({ controllers: [controller] }, strategy)).listen();

  proxy.refuse(true);
  proxy.cut();
  const client = rig.client();
  for (const data of [1, 2, 3, 4]) await lastValueFrom(client.emit('price', data));
  proxy.refuse(false);
  await eventually(() => expect(heard).toEqual([3, 4]));
});

test('listeners for the state of the connection that throw have no effect', async () => {
  const strategy = rig.strategy();
  for (const event of ['connected', 'reconnecting', 'disconnected', 'error'] as const)
    strategy.on(event, fails);
  const states: string[] = [];
  strategy.on('connected', () => states.push('connected'));
  const app = await rig.microservice({}, strategy);
  await app.listen();
  const { id } = await clientOf('rq-commands-');
  await rig.commands.client('KILL', 'ID', id);
  await eventually(() => expect(states).toEqual(['connected', 'connected']));
  await strategy.unwrap<Redis>().ping();
});

async function clientOf(name: string): Promise<{ id: string }> {
  const list = String(await rig.commands.client('LIST'));
  const [, id = ''] = new RegExp(`^id=(\\d+) .* name=${name}`, 'm').exec(list) ?? [];
  return { id };
}
