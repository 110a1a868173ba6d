import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { RedisRefusedError } from '../../core/errors/call-errors.js';
import { FailureLog } from './failure-log.js';

describe('FailureLog', () => {
  let lines: string[];
  let log: FailureLog;

  beforeEach(() => {
    jest.useFakeTimers();
    lines = [];
    log = new FailureLog({
      log: (text: unknown) => lines.push(`log ${String(text)}`),
      error: (text: unknown) => lines.push(`error ${String(text)}`),
      warn: (text: unknown) => lines.push(`warn ${String(text)}`),
    });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  test('logs each kind of trouble once, even if several take turns', () => {
    for (let turn = 0; turn < 10; turn += 1) {
      log.failed(new Error('refused'));
      log.failed(new Error('not ready'));
    }

    expect(lines).toEqual(['error refused', 'error not ready']);
  });

  test('logs it again if it lasts', () => {
    log.failed(new Error('refused'));
    jest.advanceTimersByTime(29_999);
    log.failed(new Error('refused'));
    jest.advanceTimersByTime(1);
    log.failed(new Error('refused'));

    expect(lines).toEqual(['error refused', 'error refused']);
  });

  test('logs its end once, and its next beginning', () => {
    log.recovered();
    log.failed('refused');
    log.recovered();
    log.recovered();
    log.failed('refused');

    expect(lines).toEqual(['error refused', 'log Redis answers again.', 'error refused']);
  });

  test('does not treat a new connection as the end of a refusal', () => {
    const refused = new RedisRefusedError('READONLY', 'Redis refused to renew a lease');
    for (let turn = 0; turn < 3; turn += 1) {
      log.failed(refused);
      log.connected();
    }
    log.failed(new Error('not ready'));
    log.connected();
    log.recovered();

    expect(lines).toEqual([
      'error Redis refused to renew a lease',
      'error not ready',
      'log Redis answers again.',
    ]);
  });

  test('treats a new connection as the end of a lost one', () => {
    log.failed(new Error('not ready'));
    log.connected();
    log.connected();

    expect(lines).toEqual(['error not ready', 'log Redis answers again.']);
  });

  test('does not remember an endless number of texts', () => {
    for (let n = 0; n < 1_000; n += 1) log.failed(new Error(`message ${n}`));

    expect(lines).toHaveLength(1_000);
  });
});
