import { expect, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { EmitResult } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventControllerOf } from '../e2e/events/controller.js';
import { controllerOf } from '../e2e/delivery/controller.js';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';
import { LEASE_MS } from './fault-stage.js';

const rig = nestRig();

const PATTERN = 'order.placed';
const HISTORY = { maxLength: 1_000 };
const SHORT = { leaseMs: LEASE_MS };

/** Numbers from one on, sorted. A group may hear an event twice if its machine stops for longer than the lease. */
function eachOnce(numbers: readonly number[], first: number): number[] {
  return [...new Set(numbers.filter((number) => number >= first))].toSorted((a, b) => a - b);
}

test('FLUSHALL during events: groups, histories, declarations and wildcards come back by themselves, and stay', async () => {
  const billed: number[] = [];
  const seen: number[] = [];
  const recovered: number[] = [];
  const group = { group: 'billing', history: HISTORY };
  await rig.serve(
    {
      controllers: [
        eventControllerOf(PATTERN, (data) => billed.push(Number(data)), group),
        eventControllerOf('order.*', (data) => seen.push(Number(data))),
      ],
    },
    { ...SHORT, declare: { 'order.#': { groups: ['later'] } } },
  );
  // This server has no group: what it declares comes back with its queue of messages.
  const recovering = { recover: { withinMs: 60_000 } };
  await rig.serve(
    {
      controllers: [
        controllerOf('work', () => undefined),
        eventControllerOf('order.paid', (data) => recovered.push(Number(data)), recovering),
      ],
    },
    { ...SHORT, declare: { 'order.paid': { groups: ['mail'], history: HISTORY } } },
  );
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  const client = rig.client();
  let emitted = 0;
  const emit = (pattern: string): Promise<EmitResult> =>
    lastValueFrom(client.emit(pattern, (emitted += 1)));
  // Its own group, the declared one, and a live listener.
  expect(await emit(PATTERN)).toMatchObject({ groups: 2, listeners: 1 });
  for (let n = 0; n < 3; n += 1) await emit('order.paid');
  await eventually(() => expect(recovered).toHaveLength(3));
  const before = await admin.groups();

  await rig.commands.flushall();

  await eventually(async () => {
    await emit(PATTERN);
    expect(await admin.groups()).toEqual(before);
  });
  const first = emitted + 1;
  for (let n = 0; n < 50; n += 1) {
    const result = await emit(PATTERN);
    expect(result).toMatchObject({ groups: 2, listeners: 1 });
    expect(result.historyId).toBeDefined();
  }
  const paid = await emit('order.paid');
  // The wildcard, and the recovering listener, although the history counts from 1 again.
  expect(paid).toMatchObject({ groups: 2, listeners: 2 });
  expect(paid.historyId).toBeDefined();

  const since = Array.from({ length: 50 }, (_, index) => first + index);
  await eventually(() => {
    expect(eachOnce(billed, first)).toEqual(since);
    expect(eachOnce(seen, first)).toEqual([...since, emitted]);
    expect(recovered).toEqual([2, 3, 4, emitted]);
  });
  const { events } = await admin.history(PATTERN, { newestFirst: true, limit: 50 });
  expect(events.map(({ data }) => data).toReversed()).toEqual(since);
});

test('a queue that nobody serves is listed again with its next message, and told of once', async () => {
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  const client = rig.client();
  await client.enqueue('later', 1);
  expect(await admin.queues()).toEqual(['later']);

  // As after a failover to a replica that never had it.
  await rig.commands.flushall();
  await rig.commands.call('CLIENT', 'KILL', 'TYPE', 'NORMAL', 'SKIPME', 'YES');
  await eventually(() => client.enqueue('later', 2));

  await eventually(async () => expect(await admin.queues()).toEqual(['later']));
  expect(rig.logs.matching('log', /has ever served/)).toHaveLength(1);
});
