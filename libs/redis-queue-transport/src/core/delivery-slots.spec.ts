import { expect, test } from '@jest/globals';
import type { Lease } from './broker.js';
import { Delivery } from './delivery.js';
import { decodeElement } from './envelope.js';
import { DeliverySlots } from './delivery-slots.js';

const lease = {} as Lease; // only passed on

function delivery(id: string): Delivery {
  const element = Buffer.from(`{"rq":1,"id":"${id}","at":1}\n{}`);
  return new Delivery('work', element, decodeElement(element));
}

function ids(slots: DeliverySlots): (string | undefined)[] {
  return slots.runs().map((run) => run.delivery.envelope.id);
}

test('lists what runs in the order in which it began', () => {
  const slots = new DeliverySlots(100, 100);
  const [, b] = ['a', 'b', 'c'].map((id) => slots.begin(delivery(id), lease));
  slots.end(b!);
  slots.begin(delivery('d'), lease);
  expect(ids(slots)).toEqual(['a', 'c', 'd']);
  expect(slots.running).toBe(3);
});

test('goes on right through many that come and go', () => {
  const slots = new DeliverySlots(100, 100);
  const first = slots.begin(delivery('first'), lease);
  for (let n = 0; n < 1_000; n += 1) slots.end(slots.begin(delivery(`${n}`), lease));
  slots.begin(delivery('last'), lease);
  expect(ids(slots)).toEqual(['first', 'last']);
  expect(slots.end(first)).toBe(true);
  expect(slots.running).toBe(1);
});

test('knows what was ended with all others', () => {
  const slots = new DeliverySlots(100, 100);
  const a = slots.begin(delivery('a'), lease);
  expect(slots.endAll()).toEqual([a]);
  expect(slots.end(a)).toBe(false);
  expect(slots.running).toBe(0);
});
