import { describe, expect, test } from '@jest/globals';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import { StoreClock } from './store-clock.js';

const HOUR_MS = 3_600_000;

describe('the clock of a store', () => {
  test('follows the wall clock, in whole ms', () => {
    const nowMs = new StoreClock(nodeRuntime).nowMs();
    expect(Math.abs(nowMs - Date.now())).toBeLessThan(1_000);
    expect(Number.isInteger(nowMs)).toBe(true);
  });

  test('moved forward, rings what is due in the order of its time, and leaves the rest', () => {
    const clock = new StoreClock(nodeRuntime);
    const rung: string[] = [];
    const nowMs = clock.nowMs();
    const later = clock.at(nowMs + 3 * HOUR_MS, () => rung.push('later'));
    clock.at(nowMs + 2 * HOUR_MS, () => rung.push('second'));
    clock.at(nowMs + HOUR_MS, () => rung.push('first'));
    const cancelled = clock.at(nowMs + HOUR_MS, () => rung.push('cancelled'));
    cancelled.cancel();
    clock.advance(2 * HOUR_MS + 1);
    expect(rung).toEqual(['first', 'second']);
    later.cancel();
  });

  test('rings by itself when the time has come', async () => {
    const clock = new StoreClock(nodeRuntime);
    const atMs = clock.nowMs() + 20;
    await new Promise<void>((resolve) => clock.at(atMs, resolve));
    expect(clock.nowMs()).toBeGreaterThanOrEqual(atMs);
  });

  test('rings at once for a time that is over', () => {
    const clock = new StoreClock(nodeRuntime);
    let rung = 0;
    clock.at(clock.nowMs(), () => (rung += 1));
    expect(rung).toBe(1);
  });
});
