import { beforeEach, describe, expect, test } from '@jest/globals';
import { Delivery } from '../delivery/delivery.js';
import { decodeElement } from '../message/envelope.js';
import { Held } from './held.js';
import type { Begun } from './held.js';
import { FakeLease } from '../broker/lease.fake.js';
import { OwnPlaces, Places } from '../delivery/places.js';
import type { Run } from '../delivery/running.js';
import { Tenure } from '../lease/tenure.js';
import { FakeRuntime } from '../process/runtime.fake.js';

let held: Held;

beforeEach(() => {
  held = new Held({ concurrency: 2, prefetch: 4 }, undefined);
});

const events = {
  lost: () => undefined,
  reclaimed: () => undefined,
  deadLettersDropped: () => undefined,
  failed: () => undefined,
};
const tenure = new Tenure(new FakeLease(), 30_000, 0, events, new FakeRuntime());

function add(...names: string[]): void {
  held.add(names.map((name) => Buffer.from(name)));
}

/** Begins all that may begin, and returns their runs. */
function beginAll(): Run<Begun>[] {
  const runs: Run<Begun>[] = [];
  for (let next = held.next(); next !== undefined; next = held.next()) {
    const delivery = new Delivery('q', next, decodeElement(next));
    runs.push(held.begin({ delivery, tenure }));
  }
  return runs;
}

function begunNames(): string[] {
  return held.begun().map(({ delivery }) => delivery.element.toString());
}

function settlements(): string[] {
  return held.takeSettlements().map(({ kind, element }) => `${kind} ${element.toString()}`);
}

describe('what is held', () => {
  test('begins in the order in which it was taken, as many at once as allowed', () => {
    add('a', 'b', 'c');
    const [a] = beginAll();
    expect([begunNames(), held.hasReady, held.hasPlace]).toEqual([['a', 'b'], true, false]);

    expect(held.end(a!)).toBe(true);
    beginAll();

    expect([begunNames(), held.hasReady, held.running]).toEqual([['b', 'c'], false, 2]);
  });

  test('leaves room for as many as may be held, including those running', () => {
    expect(held.reserve()).toBe(4);
    add('a', 'b', 'c');
    expect(held.reserve()).toBe(1);
    const [a] = beginAll();
    expect(held.reserve()).toBe(1);
    held.end(a!);
    expect(held.reserve()).toBe(2);
  });

  test('is bounded further while a limit holds', () => {
    held.limit(1);
    add('a', 'b');
    beginAll();
    expect([begunNames(), held.reserve(), held.isBarred]).toEqual([['a'], 0, false]);

    held.limit(0);
    expect([held.isBarred, held.hasPlace]).toEqual([true, false]);
    held.limit(Infinity);
    expect([held.isBarred, held.hasPlace]).toEqual([false, true]);
  });

  test('goes back in order if it has not begun', () => {
    add('a', 'b', 'c', 'd');
    beginAll();

    held.releaseReady();

    expect(settlements()).toEqual(['release c', 'release d']);
    expect([begunNames(), held.hasReady]).toEqual([['a', 'b'], false]);
  });

  test('is settled once: failed settlements come before later ones', () => {
    const settle = (name: string): void => held.settle({ kind: 'ack', element: Buffer.from(name) });
    settle('a');
    settle('b');
    const taken = held.takeSettlements();
    expect(held.hasSettlements).toBe(false);
    settle('c');

    held.putBack(taken);

    expect(settlements()).toEqual(['ack a', 'ack b', 'ack c']);
    expect(settlements()).toEqual([]);
  });

  test('knows that a run was taken out before it ended', () => {
    add('a', 'b');
    const [a, b] = beginAll();
    held.takeBack([a!.item.delivery]);
    expect(begunNames()).toEqual(['b']);

    expect(held.takeBegun().map(({ delivery }) => delivery.element.toString())).toEqual(['b']);

    expect([held.end(a!), held.end(b!), held.isEmpty]).toEqual([false, false, true]);
  });

  test('is forgotten when it belongs to others, except for running deliveries', () => {
    add('a', 'b', 'c');
    beginAll();
    held.settle({ kind: 'ack', element: Buffer.from('x') });

    held.forget();

    expect([held.hasReady, held.hasSettlements, begunNames()]).toEqual([false, false, ['a', 'b']]);
  });
});

describe('what is held in places of the process', () => {
  let places: Places;
  let told: number;

  beforeEach(() => {
    [places, told] = [new Places(1), 0];
    const own = new OwnPlaces(places, () => (told += 1));
    held = new Held({ concurrency: 2, prefetch: 4 }, own);
  });

  test('leaves room for those that can begin, and for those that are held beyond that', () => {
    expect(held.reserve()).toBe(3);
    held.releasePlaces();
    expect(places.take(1)).toBe(1);
    expect(held.reserve()).toBe(2);
  });

  test('begins in a free place, and gives it back at its end', () => {
    add('a', 'b');
    const [a] = beginAll();
    expect([begunNames(), places.take(1)]).toEqual([['a'], 0]);

    held.end(a!);

    expect(told).toBe(1);
    beginAll();
    expect(begunNames()).toEqual(['b']);
  });
});
