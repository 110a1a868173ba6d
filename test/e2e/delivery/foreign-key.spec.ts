import { expect, test } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { controllerOf } from './controller.js';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

test('if another program uses a key of a queue, the log names the queue, and no other queue is affected', async () => {
  const key = `${rig.prefix}:{work}:waiting`;
  await rig.commands.hset(key, 'not', 'a list');
  const handled: unknown[] = [];
  await rig.serve({
    controllers: [
      controllerOf('work', () => undefined),
      controllerOf('other', (data) => void handled.push(data)),
    ],
  });

  await eventually(() =>
    expect(rig.logs.matching('error', /^Queue "work": Redis refused .*WRONGTYPE/)).toHaveLength(1),
  );
  await lastValueFrom(rig.client().enqueue('other', 1));
  await eventually(() => expect(handled).toEqual([1]));
  await rig.commands.del(key);
});
