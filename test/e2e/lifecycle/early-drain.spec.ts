import { expect, test } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { controllerOf } from '../delivery/controller.js';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';
import type { Match } from '../../support/proxy.js';

const rig = nestRig();

const FOREIGN = 'foreign';
const isJoin: Match = (words) => words[2] === '1' && words[3]?.endsWith(':consumers') === true;
const isFirst: Match = ([name]) => name === 'info';

test.each<[string, Match]>([
  ['its consumers join', isJoin],
  ['it connects', isFirst],
])('a server that is drained while %s takes nothing', async (_, match) => {
  const handled: unknown[] = [];
  const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  const held = proxy.holdRequest(match);
  const strategy = rig.strategy({ connection: proxy.url });
  const controller = controllerOf('work', (data) => void handled.push(data), {
    options: { feedFrom: { list: FOREIGN } },
  });
  const app = await rig.microservice({ controllers: [controller] }, strategy);
  const listening = app.listen();
  await held.happened;
  await lastValueFrom(rig.client().enqueue('work', 1));
  await rig.commands.rpush(FOREIGN, '2');
  strategy.drain();
  held.release();
  await listening;

  await eventually(async () =>
    expect(await rig.commands.zcard(`${rig.prefix}:{work}:consumers`)).toBe(0),
  );
  expect(handled).toEqual([]);
  expect(await rig.queue('work').waiting()).toHaveLength(1);
  await rig.commands.del(FOREIGN);
});
