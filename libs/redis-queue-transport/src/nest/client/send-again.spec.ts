import { describe, expect, test } from '@jest/globals';
import {
  OutcomeUnknownError,
  RedisRefusedError,
  SenderFullError,
} from '../../core/errors/call-errors.js';
import { UnencodableError } from '../../core/errors/data-errors.js';
import { SendBudget } from '../../core/requests/send-budget.js';
import { SendAgain } from './send-again.js';

const HOUR = 3_600_000;
const unknown = (): OutcomeUnknownError => new OutcomeUnknownError('lost', 'a');

function sendAgain(forMs = HOUR, connected = (): Promise<void> => Promise.resolve()): SendAgain {
  return new SendAgain({ forMs, budget: new SendBudget(10, 1_000), connected });
}

/** A call that ends with these results, try by try. */
function tries(...ends: readonly unknown[]): {
  readonly send: () => Promise<unknown>;
  count: number;
} {
  const made = {
    count: 0,
    send: (): Promise<unknown> => {
      const end = ends[made.count] ?? ends.at(-1);
      made.count += 1;
      return end instanceof Error ? Promise.reject(end) : Promise.resolve(end);
    },
  };
  return made;
}

describe('a call that is sent again', () => {
  test('continues through refusals once its outcome was unknown', async () => {
    const made = tries(
      unknown(),
      new RedisRefusedError('READONLY', 'a replica'),
      unknown(),
      'added',
    );
    expect(await sendAgain().run('a', 1, HOUR, made.send)).toBe('added');
    expect(made.count).toBe(4);
  });

  test.each<[string, Error]>([
    ['what Redis refuses', new RedisRefusedError('OOM', 'full')],
    ['what Redis executed in part', new OutcomeUnknownError('denied', 'a', { isPartial: true })],
    ['what cannot be written', new UnencodableError('a BigInt')],
  ])('is not %s at first', async (_, error) => {
    const made = tries(error);
    await expect(sendAgain().run('a', 1, HOUR, made.send)).rejects.toBe(error);
    expect(made.count).toBe(1);
  });

  test('ends if Redis executed a part of it', async () => {
    const partial = new OutcomeUnknownError('denied', 'a', { isPartial: true });
    const made = tries(unknown(), partial, 'added');
    await expect(sendAgain().run('a', 1, HOUR, made.send)).rejects.toMatchObject({
      messageId: 'a',
      tries: 2,
      isPartial: true,
      cause: partial,
    });
  });

  test('is not tried again after half of its window, nor after its time', async () => {
    for (const [forMs, windowMs] of [
      [HOUR, 150],
      [75, HOUR],
    ] as const) {
      const made = tries(unknown());
      const failed = sendAgain(forMs).run('a', 1, windowMs, made.send);
      await expect(failed).rejects.toMatchObject({ tries: 1, message: 'lost' });
    }
  });

  test('waits with the others, and is sent before later ones', async () => {
    const again = sendAgain();
    const order: string[] = [];
    const call = (id: string, failures: number): Promise<unknown> => {
      let count = 0;
      return again.run(id, 1, HOUR, () => {
        count += 1;
        if (count <= failures) return Promise.reject(unknown());
        order.push(id);
        return Promise.resolve();
      });
    };
    await Promise.all([call('a', 2), call('b', 1), call('c', 2), call('d', 1)]);
    expect(order).toEqual(['b', 'd', 'a', 'c']);
  });

  test('ends at once when it is stopped', async () => {
    const again = sendAgain();
    const made = tries(unknown());
    const failed = again.run('a', 1, HOUR, made.send);
    await new Promise(setImmediate);
    expect(again.isBusy).toBe(true);
    again.stop();
    await expect(failed).rejects.toMatchObject({ tries: 1 });
    expect(again.isBusy).toBe(false);
  });

  test('does not begin if there is no room to wait', async () => {
    const full = { forMs: HOUR, budget: new SendBudget(0, 0), connected: () => Promise.resolve() };
    const made = tries(unknown(), 'added');
    await expect(new SendAgain(full).run('a', 1, HOUR, made.send)).rejects.toMatchObject({
      tries: 1,
    });
  });

  test('counts while it waits, even for the connection, and no longer', async () => {
    const budget = new SendBudget(1, 1_000);
    let connect!: () => void;
    let onAsked!: () => void;
    const asked = new Promise<void>((resolve) => (onAsked = resolve));
    const connected = (): Promise<void> => {
      onAsked();
      return new Promise((resolve) => (connect = resolve));
    };
    let isOther: unknown;
    let count = 0;
    const again = new SendAgain({ forMs: HOUR, budget, connected });
    const sent = again.run('a', 1, HOUR, () => {
      count += 1;
      if (count === 1) return Promise.reject(unknown());
      isOther = budget.take(1); // as the broker does
      budget.give(1);
      return Promise.resolve('added');
    });

    await asked;
    expect(budget.take(1)).toBeInstanceOf(SenderFullError);
    connect();

    expect(await sent).toBe('added');
    expect(isOther).toBeUndefined();
    expect(budget.take(1)).toBeUndefined();
  });
});
