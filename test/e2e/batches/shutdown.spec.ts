import { describe, expect, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { batchControllerOf } from './controller.js';

const rig = nestRig();

const LONG_MS = 60_000;

async function fill(...data: readonly unknown[]): Promise<void> {
  const client = rig.client();
  for (const one of data) await lastValueFrom(client.enqueue('work', one));
}

/** The waiting messages as they were sent, with no attempt counted. */
async function waitingBodies(): Promise<string[]> {
  const elements = await rig.queue('work').waiting();
  for (const element of elements) expect(element).toMatch(/^\{"rq":1,"id"/);
  return elements.map((element) => element.split('\n')[1] ?? '');
}

describe('a server with a batch handler', () => {
  test('lets a running batch end when it closes, and gives back messages that have only gathered', async () => {
    const gate = new Gate();
    const begun: unknown[][] = [];
    const ended: unknown[][] = [];
    const controller = batchControllerOf('work', { batch: { size: 3 } }, async (data) => {
      begun.push(data);
      await gate.opened;
      ended.push(data);
    });
    const app = await rig.serve({ controllers: [controller] });
    await fill(1);
    await eventually(() => expect(begun).toEqual([[1]]));
    await fill(2, 3, 4);
    await eventually(async () => expect(await rig.queue('work').held()).toBe(3));

    const closing = app.close();
    await eventually(async () => expect(await waitingBodies()).toEqual(['2', '3', '4']));
    expect(ended).toEqual([]);
    gate.open();
    await closing;

    expect(begun).toEqual([[1]]);
    expect(ended).toEqual([[1]]);
    expect(await waitingBodies()).toEqual(['2', '3', '4']);
    expect(await rig.queue('work').held()).toBe(0);
  });

  test('does not wait for a batch to fill when it closes, and begins none', async () => {
    const begun: unknown[][] = [];
    const batch = { size: 5, waitMs: LONG_MS };
    const controller = batchControllerOf('work', { batch }, (data) => void begun.push(data));
    const app = await rig.serve({ controllers: [controller] }, { shutdownTimeoutMs: LONG_MS });
    await fill(1, 2);
    await eventually(async () => expect(await rig.queue('work').held()).toBe(2));

    await app.close();

    expect(await waitingBodies()).toEqual(['1', '2']);
    expect(begun).toEqual([]);
  });

  test('gives the batch back when its time is over, and fires its signal', async () => {
    const reasons: unknown[] = [];
    const controller = batchControllerOf('work', { batch: { size: 5 } }, (_, context) => {
      const signal = context.getSignal();
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          resolve(undefined);
        });
      });
    });
    await fill(1, 2);
    const app = await rig.serve({ controllers: [controller] }, { shutdownTimeoutMs: 50 });
    await eventually(async () => expect(await rig.queue('work').held()).toBe(2));

    await app.close();

    expect(await waitingBodies()).toEqual(['1', '2']);
    expect(reasons).toMatchObject([{ code: 'SHUTDOWN' }]);
  });

  test('gives back messages that have only gathered while the queue is paused, and goes on afterwards', async () => {
    const begun: unknown[][] = [];
    const batch = { size: 3, waitMs: LONG_MS };
    const controller = batchControllerOf('work', { batch }, (data) => void begun.push(data));
    await rig.serve({ controllers: [controller] });
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    await fill(1, 2);
    await eventually(async () => expect(await rig.queue('work').held()).toBe(2));

    await admin.pause('work');
    await eventually(async () => expect(await waitingBodies()).toEqual(['1', '2']));
    await fill(3);
    await admin.resume('work');

    await eventually(() => expect(begun).toEqual([[1, 2, 3]]));
  });
});
