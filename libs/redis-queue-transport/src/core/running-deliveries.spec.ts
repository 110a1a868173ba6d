import { expect, test } from '@jest/globals';
import type { Lease } from './broker.js';
import { Delivery } from './delivery.js';
import { decodeElement } from './envelope.js';
import { RunningDeliveries } from './running-deliveries.js';

const lease = {} as Lease; // only passed on

function delivery(id: string): Delivery {
  const element = Buffer.from(`{"rq":1,"id":"${id}","at":1}\n{}`);
  return new Delivery('work', element, decodeElement(element));
}

function ids(running: RunningDeliveries): (string | undefined)[] {
  return running.list().map((run) => run.delivery.envelope.id);
}

test('lists what runs in the order in which it began', () => {
  const running = new RunningDeliveries();
  const [, b] = ['a', 'b', 'c'].map((id) => running.begin(delivery(id), lease));
  running.end(b!);
  running.begin(delivery('d'), lease);
  expect(ids(running)).toEqual(['a', 'c', 'd']);
  expect(running.size).toBe(3);
});

test('goes on right through many that come and go', () => {
  const running = new RunningDeliveries();
  const first = running.begin(delivery('first'), lease);
  for (let n = 0; n < 1_000; n += 1) running.end(running.begin(delivery(`${n}`), lease));
  running.begin(delivery('last'), lease);
  expect(ids(running)).toEqual(['first', 'last']);
  expect(running.end(first)).toBe(true);
  expect(running.size).toBe(1);
});

test('knows what was ended with all others', () => {
  const running = new RunningDeliveries();
  const a = running.begin(delivery('a'), lease);
  expect(running.endAll()).toEqual([a]);
  expect(running.end(a)).toBe(false);
  expect(running.size).toBe(0);
});
