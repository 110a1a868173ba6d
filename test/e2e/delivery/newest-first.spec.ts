import { describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from './controller.js';

const rig = nestRig();
const nothing = (): void => undefined;
const newestFirst = { order: 'newestFirst', concurrency: 1 } as const;

describe('a handler with the newest message first', () => {
  test('handles the newest next, and a retry before those that wait', async () => {
    const gate = new Gate();
    const handled: unknown[] = [];
    let failures = 1;
    const options = { ...newestFirst, retry: { attempts: 2, delayMs: 0, maxDelayMs: 0 } };
    const handle = async (data: unknown): Promise<void> => {
      await gate.opened;
      handled.push(data);
      if (data === 'third' && failures > 0) {
        failures -= 1;
        throw new Error('try again');
      }
    };
    await rig.serve({ controllers: [controllerOf('work', handle, { options })] });
    const client = rig.client();
    await client.enqueue('work', 'held');
    await eventually(async () => expect(await rig.queue('work').held()).toBe(1));
    await client.enqueueMany('work', ['first', 'second', 'third']);

    gate.open();

    await eventually(() => expect(handled).toEqual(['held', 'third', 'third', 'second', 'first']));
    await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
  });

  test('is told of a server of its queue that has another order', async () => {
    await rig.serve({ controllers: [controllerOf('work', nothing)] });
    await rig.serve({ controllers: [controllerOf('work', nothing, { options: newestFirst })] });
    expect(rig.logs.matching('warn', /./)).toEqual([
      expect.stringContaining('order is newestFirst here and oldestFirst there.'),
    ]);
  });
});
