import { describe, expect, test } from '@jest/globals';
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
