import { describe, expect, test } from '@jest/globals';
import { Delivery } from './delivery.js';
import { DeliveryRunner } from './delivery-runner.js';
import type { DeliveryHandler } from './delivery-runner.js';
import { decodeElement } from '../message/envelope.js';
import { HandlerTimeoutError } from '../errors/abort-reasons.js';
import { DONE } from './outcome.js';
import type { Result } from './outcome.js';
import { nodeRuntime } from '../process/node-runtime.js';

const retry = { attempts: 2, backoff: 'fixed', delayMs: 70, maxDelayMs: 70 } as const;

function delivery(attempt = 1): Delivery {
  const element = Buffer.from(`{"rq":1,"attempt":${attempt},"id":"a"}\n{}`);
  return new Delivery('work', element, decodeElement(element));
}

function handlerOf(
  run: () => Promise<Result>,
  timedOut: DeliveryHandler['timedOut'] = (_, error) => ({ kind: 'failed', error }),
): DeliveryHandler {
  return { run, timedOut };
}

const never = (): Promise<Result> => new Promise(() => undefined);

describe('running a delivery', () => {
  test('treats a rejection of the handler as a failure', async () => {
    const runner = new DeliveryRunner(
      handlerOf(() => Promise.reject(new TypeError('a mistake'))),
      { retry },
      nodeRuntime,
    );

    expect(await runner.run(delivery(1))).toMatchObject({ kind: 'retry', delayMs: 70 });
    expect(await runner.run(delivery(2))).toMatchObject({
      kind: 'deadLetter',
      error: { name: 'TypeError', message: 'a mistake' },
    });
  });

  test('fires the signal after the time limit, and then asks how it ended', async () => {
    const told: unknown[] = [];
    const timedOut: DeliveryHandler['timedOut'] = (one, error) => {
      told.push(one.signal.reason === error, error);
      return DONE;
    };
    const runner = new DeliveryRunner(
      handlerOf(never, timedOut),
      { retry, timeoutMs: 10 },
      nodeRuntime,
    );
    const late = delivery();

    expect(await runner.run(late)).toEqual({ kind: 'ack' });

    expect(told).toEqual([true, expect.any(HandlerTimeoutError)]);
    expect(told[1]).toMatchObject({ pattern: 'work', timeoutMs: 10 });
  });

  test('ignores the handler after the time limit, even if it fails', async () => {
    let fail: (error: Error) => void = () => undefined;
    const failing = (): Promise<Result> => new Promise((_, reject) => (fail = reject));
    const runner = new DeliveryRunner(handlerOf(failing), { retry, timeoutMs: 10 }, nodeRuntime);

    expect(await runner.run(delivery())).toMatchObject({ kind: 'retry', delayMs: 70 });

    // This would end the process if nobody handled it.
    fail(new Error('late'));
    await new Promise(setImmediate);
  });

  test('does not fire the signal if the handler ends in time', async () => {
    const runner = new DeliveryRunner(
      handlerOf(() => Promise.resolve(DONE)),
      {
        retry,
        timeoutMs: 60_000,
      },
      nodeRuntime,
    );
    const one = delivery();

    expect(await runner.run(one)).toEqual({ kind: 'ack' });

    expect(one.isAborted).toBe(false);
  });
});
