import { expect, test } from '@jest/globals';
import { RequestTimeoutError } from 'nestjs-redis-queue-transport';
import { Observable, Subject, interval, lastValueFrom, takeUntil } from 'rxjs';
import { tap } from 'rxjs/operators';
import { controllerOf } from './delivery-controller.js';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';

const rig = nestRig();

test('an Observable that says nothing and never ends is let go when its time is over', async () => {
  let subscribed = 0;
  let letGo = 0;
  const quiet = new Observable<void>(() => {
    subscribed += 1;
    return () => (letGo += 1);
  });
  const retry = { attempts: 2, delayMs: 0 };
  await rig.serve({
    controllers: [controllerOf('work', () => quiet, { options: { timeoutMs: 100, retry } })],
  });
  await lastValueFrom(rig.client().enqueue('work', 1));
  await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(1));
  await eventually(() => expect([subscribed, letGo]).toEqual([2, 2]));
});

test('an endless stream of replies fills no list once the time of its caller is over', async () => {
  rig.mayRemain(/:replies$/);
  let said = 0;
  const end = new Subject<void>();
  const stream = interval(5).pipe(
    tap(() => (said += 1)),
    takeUntil(end),
  );
  await rig.serve({ controllers: [controllerOf('ticks', () => stream)] });
  const client = rig.client({ requestTimeoutMs: 300 });
  await eventually(async () => {
    await expect(lastValueFrom(client.send('ticks', 1))).rejects.toThrow(RequestTimeoutError);
    // On a busy machine the time may be over before the stream begins.
    expect(said).toBeGreaterThan(0);
  });
  await client.close();

  await more(20);
  const before = await replies();
  await more(20);
  expect(await replies()).toBe(before);
  end.next();

  async function more(values: number): Promise<void> {
    const until = said + values;
    await eventually(() => expect(said).toBeGreaterThanOrEqual(until));
  }
});

/** How many stand in the lists of callers. */
async function replies(): Promise<number> {
  const lists = await rig.commands.keys('*:replies');
  const lengths = await Promise.all(lists.map((list) => rig.commands.llen(list)));
  return lengths.reduce((sum, length) => sum + length, 0);
}
