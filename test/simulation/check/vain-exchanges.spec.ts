import { beforeEach, expect, test } from '@jest/globals';
import { VainExchanges } from './vain-exchanges.js';

let violations: string[];
let exchanges: VainExchanges;

beforeEach(() => {
  violations = [];
  exchanges = new VainExchanges((what) => violations.push(what));
});

function exchange(count: number, everyMs: number, moved: number): void {
  for (let number = 0; number < count; number += 1) exchanges.exchanged(number * everyMs, moved);
}

test('a consumer that asks in vain every few ms breaks a rule', () => {
  exchange(101, 5, 0);
  expect(violations).toEqual(['asked 101 times in vain within 1000 ms']);
});

test('one that asks now and then, or that moves something, does not', () => {
  exchange(1_000, 10, 0);
  exchange(1_000, 1, 1);
  expect(violations).toEqual([]);
});
