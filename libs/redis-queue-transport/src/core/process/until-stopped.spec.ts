import { describe, expect, test } from '@jest/globals';
import { getEventListeners, getMaxListeners } from 'node:events';
import { repeatUntilStopped, retryUntilStopped } from './until-stopped.js';
import { nodeRuntime } from './node-runtime.js';

const stopper = (): AbortController => new AbortController();

describe('retryUntilStopped', () => {
  test('tries until it succeeds, and reports each failure', async () => {
    const told: unknown[] = [];
    let attempts = 0;
    const attempt = (): Promise<string> => {
      attempts += 1;
      return attempts < 3 ? Promise.reject(new Error(`no ${attempts}`)) : Promise.resolve('yes');
    };

    const tell = (error: unknown): void => void told.push(error);
    expect(await retryUntilStopped(attempt, stopper().signal, tell, nodeRuntime)).toBe('yes');
    expect(told.map(String)).toEqual(['Error: no 1', 'Error: no 2']);
  });

  test('may be done many times at once with the same signal: Node warns of no leak', async () => {
    const { signal } = stopper();
    let isAway = true;
    const attempt = (): Promise<string> =>
      isAway ? Promise.reject(new Error('away')) : Promise.resolve('back');
    const tries = Array.from({ length: 20 }, () =>
      retryUntilStopped(attempt, signal, () => undefined, nodeRuntime),
    );
    await new Promise((resolve) => setImmediate(resolve));

    const pauses = getEventListeners(signal, 'abort').length;
    expect(pauses).toBe(20);
    expect(getMaxListeners(signal)).toBeGreaterThanOrEqual(pauses);
    isAway = false;
    expect(new Set(await Promise.all(tries))).toEqual(new Set(['back']));
  });

  test('ends during a pause when it is stopped, and does not report failures that the stop causes', async () => {
    const told: unknown[] = [];
    const inPause = stopper();
    const failing = (): Promise<never> => Promise.reject(new Error('no'));
    const stop = (error: unknown): void => {
      told.push(error);
      inPause.abort();
    };
    const tried = retryUntilStopped(failing, inPause.signal, stop, nodeRuntime);
    expect(await tried).toBeUndefined();
    expect(told).toHaveLength(1);

    const inAttempt = stopper();
    const stopping = (): Promise<never> => {
      inAttempt.abort();
      return Promise.reject(new Error('closed'));
    };
    const tell = (error: unknown): void => void told.push(error);
    const result = retryUntilStopped(stopping, inAttempt.signal, tell, nodeRuntime);
    expect(await result).toBeUndefined();
    expect(told).toHaveLength(1);
  });

  test('tries once even if it was stopped before', async () => {
    const stopped = stopper();
    stopped.abort();

    const tried = retryUntilStopped(
      () => Promise.resolve('done'),
      stopped.signal,
      () => undefined,
      nodeRuntime,
    );

    expect(await tried).toBe('done');
  });
});

test('repeatUntilStopped continues after successes and failures, and begins nothing once stopped', async () => {
  const told: unknown[] = [];
  const stopped = stopper();
  let steps = 0;
  const step = (): Promise<void> => {
    steps += 1;
    if (steps === 5) stopped.abort();
    return steps === 2 ? Promise.reject(new Error('no')) : Promise.resolve();
  };

  const tell = (error: unknown): void => void told.push(error);
  await repeatUntilStopped(step, stopped.signal, tell, nodeRuntime);
  await repeatUntilStopped(step, stopped.signal, tell, nodeRuntime);

  expect([steps, told.map(String)]).toEqual([5, ['Error: no']]);
});
