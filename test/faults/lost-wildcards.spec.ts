import { expect, test } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { eventControllerOf } from '../e2e/events/controller.js';
import { commandsThrough } from '../support/commands-through.js';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';
import { Proxy } from '../support/proxy.js';

const rig = nestRig();

async function killEventConnections(): Promise<void> {
  const list = String(await rig.commands.client('LIST'));
  for (const [, id = ''] of list.matchAll(/^id=(\d+) .* name=rq-events-/gm))
    await rig.commands.client('KILL', 'ID', id);
}

test('a wildcard is listened to again on a Redis that has forgotten it, whichever connection is there first', async () => {
  const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  const heard: unknown[] = [];
  const controller = eventControllerOf('order.*', (data) => heard.push(data));
  const strategy = rig.strategy({ connection: commandsThrough(proxy, rig.redis.url) });
  let interruptions = 0;
  strategy.on('eventsInterrupted', (times) => (interruptions = times));
  await (await rig.microservice({ controllers: [controller] }, strategy)).listen();

  proxy.refuse(true);
  proxy.cut();
  await rig.commands.flushall();
  await killEventConnections();
  await eventually(() => expect(interruptions).toBe(1));
  proxy.refuse(false);

  const client = rig.client();
  await eventually(async () => {
    await lastValueFrom(client.emit('order.placed', 'after'));
    expect(heard).toContain('after');
  });
});
