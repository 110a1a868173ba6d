import { describe, expect, test } from '@jest/globals';
import { repeatUntilStopped, retryUntilStopped } from './until-stopped.js';

const stopper = (): AbortController => new AbortController();

describe('retryUntilStopped', () => {
  test('tries until it succeeds, and tells each failure', async () => {
    const told: unknown[] = [];
    let attempts = 0;
    const attempt = (): Promise<string> => {
      attempts += 1;
      return attempts < 3 ? Promise.reject(new Error(`no ${attempts}`)) : Promise.resolve('yes');
    };

    expect(await retryUntilStopped(attempt, stopper().signal, (error) => told.push(error))).toBe(
      'yes',
    );
    expect(told.map(String)).toEqual(['Error: no 1', 'Error: no 2']);
  });

  test('ends in its pause when it is stopped, and tells nothing that fails by that', async () => {
    const told: unknown[] = [];
    const inPause = stopper();
    const failing = (): Promise<never> => Promise.reject(new Error('no'));
    const tried = retryUntilStopped(failing, inPause.signal, (error) => {
      told.push(error);
      inPause.abort();
    });
    expect(await tried).toBeUndefined();
    expect(told).toHaveLength(1);

    const inAttempt = stopper();
    const stopping = (): Promise<never> => {
      inAttempt.abort();
      return Promise.reject(new Error('closed'));
    };
    const result = retryUntilStopped(stopping, inAttempt.signal, (error) => told.push(error));
    expect(await result).toBeUndefined();
    expect(told).toHaveLength(1);
  });

  test('tries once although it was stopped before', async () => {
    const stopped = stopper();
    stopped.abort();

    const tried = retryUntilStopped(
      () => Promise.resolve('done'),
      stopped.signal,
      () => undefined,
    );

    expect(await tried).toBe('done');
  });
});

test('repeatUntilStopped goes on after successes and failures, and begins nothing when stopped', async () => {
  const told: unknown[] = [];
  const stopped = stopper();
  let steps = 0;
  const step = (): Promise<void> => {
    steps += 1;
    if (steps === 5) stopped.abort();
    return steps === 2 ? Promise.reject(new Error('no')) : Promise.resolve();
  };

  await repeatUntilStopped(step, stopped.signal, (error) => told.push(error));
  await repeatUntilStopped(step, stopped.signal, (error) => told.push(error));

  expect([steps, told.map(String)]).toEqual([5, ['Error: no']]);
});
