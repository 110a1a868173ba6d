import { describe, expect, test } from '@jest/globals';
import { deadLetter, outcomeOf } from './outcome.js';
import { retryDelayMs } from './retry.js';
import type { RetryPolicy } from './retry.js';
import { FakeRuntime } from '../process/runtime.fake.js';

const POLICY: RetryPolicy = {
  attempts: 3,
  backoff: 'exponential',
  delayMs: 100,
  maxDelayMs: 1_000,
};

const RUNTIME = new FakeRuntime();

describe('retryDelayMs', () => {
  test.each([
    [1, 50, 100],
    [2, 100, 200],
    [3, 200, 400],
    [5, 500, 1_000],
    [5_000, 500, 1_000],
  ])('after attempt %i lies in the upper half of the doubled pause', (attempt, least, most) => {
    expect(retryDelayMs(POLICY, attempt, { random: () => 0 })).toBe(least);
    expect(retryDelayMs(POLICY, attempt, { random: () => 1 })).toBe(most);
  });

  test('is always the same when it is fixed, and never above the longest', () => {
    expect(retryDelayMs({ ...POLICY, backoff: 'fixed' }, 7, RUNTIME)).toBe(100);
    expect(retryDelayMs({ ...POLICY, backoff: 'fixed', maxDelayMs: 30 }, 7, RUNTIME)).toBe(30);
  });
});

describe('outcomeOf', () => {
  const fixed: RetryPolicy = { ...POLICY, backoff: 'fixed' };
  const error = new Error('no');

  test('of a handler that is done is ack', () => {
    expect(outcomeOf({ kind: 'done' }, 1, POLICY, RUNTIME)).toEqual({ kind: 'ack' });
  });

  test('of a failed request whose caller knows is ack, marked as a failure', () => {
    expect(outcomeOf({ kind: 'refused' }, 1, POLICY, RUNTIME)).toEqual({
      kind: 'ack',
      isFailure: true,
    });
  });

  test('of a failure is retry while attempts are left, then the dead letters', () => {
    const failed = { kind: 'failed', error } as const;
    expect(outcomeOf(failed, 1, fixed, RUNTIME)).toEqual({ kind: 'retry', delayMs: 100, error });
    expect(outcomeOf(failed, 2, fixed, RUNTIME)).toEqual({ kind: 'retry', delayMs: 100, error });
    for (const attempt of [3, 4])
      expect(outcomeOf(failed, attempt, fixed, RUNTIME)).toMatchObject({
        kind: 'deadLetter',
        reason: 'handlerFailed',
      });
  });

  test('of a single attempt has its failure, unless another attempt would not have helped', () => {
    const once = { ...fixed, attempts: 1 };
    const failed = { kind: 'failed', error } as const;
    const dead = { kind: 'deadLetter', reason: 'handlerFailed', failure: error };
    expect(outcomeOf(failed, 1, once, RUNTIME)).toMatchObject(dead);
    expect(outcomeOf(failed, 2, once, RUNTIME)).not.toHaveProperty('failure');
    const unworthy = outcomeOf(failed, 1, { ...once, if: () => false }, RUNTIME);
    expect(unworthy).toMatchObject({ kind: 'deadLetter', reason: 'notRetried' });
    expect(unworthy).not.toHaveProperty('failure');
  });

  test('of a handler that asks to run later is to postpone it, after any number of attempts', () => {
    const later = (delayMs?: number) => ({ kind: 'retryLater', delayMs }) as const;
    expect(outcomeOf(later(7), 99, fixed, RUNTIME)).toEqual({ kind: 'postpone', delayMs: 7 });
    // Without a pause, it would be handed out before all others, again and again.
    expect(outcomeOf(later(0), 99, fixed, RUNTIME)).toEqual({ kind: 'postpone', delayMs: 1 });
    expect(outcomeOf(later(), 99, fixed, RUNTIME)).toEqual({ kind: 'postpone', delayMs: 100 });
  });

  test.each([
    ['reject', 'rejected'],
    ['undecodable', 'undecodable'],
  ] as const)('of %s is the dead letters at once', (kind, reason) => {
    expect(outcomeOf({ kind, error }, 1, fixed, RUNTIME)).toMatchObject({
      kind: 'deadLetter',
      reason,
    });
  });
});

describe('the error of a dead letter', () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;

  test.each<[string, unknown, { name: string; message: string }]>([
    ['an error', new TypeError('no'), { name: 'TypeError', message: 'no' }],
    ["Nest's error object", { status: 'error', message: 'no' }, { name: 'Error', message: 'no' }],
    ['text', 'no', { name: 'Error', message: 'no' }],
    ['a number', 7, { name: 'Error', message: '7' }],
    ['nothing', undefined, { name: 'Error', message: 'undefined' }],
    ['an object', { code: 7 }, { name: 'Error', message: '{"code":7}' }],
    ['a BigInt', 7n, { name: 'Error', message: '7' }],
    ['a circle', circle, { name: 'Error', message: '[object Object]' }],
  ])('is shown whatever was thrown: %s', (_what, thrown, shown) => {
    expect(deadLetter('handlerFailed', thrown)).toMatchObject({ error: shown });
  });
});
