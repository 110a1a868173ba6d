import { expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';
import { controllerOf } from '../e2e/delivery/controller.js';

jest.setTimeout(120_000);

const rig = nestRig();
const MIB = 1_048_576;

test('large elements of other programs are handled, and none is read together with others', async () => {
  const lengths: number[] = [];
  await rig.serve({
    controllers: [
      controllerOf('work', (text) => {
        lengths.push(String(text).length);
      }),
    ],
  });
  const large = JSON.stringify('x'.repeat(8 * MIB));
  for (let pushed = 0; pushed < 20; pushed += 1)
    await rig.commands.rpush(rig.queue('work').waitingKey, large, '"small"');
  await eventually(() => expect(lengths).toHaveLength(40), 90_000);
  expect(lengths.filter((length) => length === 8 * MIB)).toHaveLength(20);
  await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
});
