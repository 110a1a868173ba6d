import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test } from '@jest/globals';
import { firstValueFrom, forkJoin, from, lastValueFrom, of } from 'rxjs';
import { concatMap, mergeMap, toArray } from 'rxjs/operators';
import { hot } from './hot.js';
import type { RedisQueueCall } from './hot.js';

interface Told {
  readonly unseen: unknown[];
  readonly seen: unknown[];
}

function told(): Told {
  return { unseen: [], seen: [] };
}

async function valuesOf(call: RedisQueueCall<number>): Promise<number[]> {
  const values: number[] = [];
  async function* generate(): AsyncGenerator<number> {
    yield call;
  }
  for await (const value of generate()) values.push(value);
  return values;
}

const twice = (answer: number): number => answer * 2;

test('tells the end of a call to all subscribers, those before it and those after it', async () => {
  const { unseen } = told();
  const call = hot(Promise.resolve(21), twice, (error) => unseen.push(error));

  expect(await Promise.all([1, 2, 3].map(() => lastValueFrom(call)))).toEqual([42, 42, 42]);
  expect(await lastValueFrom(call)).toBe(42);
});

test('calls each subscriber in its own async context, even if all subscribe within one turn', async () => {
  const context = new AsyncLocalStorage<string>();
  const answer = new Promise<number>((resolve) => setImmediate(resolve, 21));
  const call = context.run('caller', () => hot(answer, twice, () => undefined));

  const heard = ['first', 'second'].map((name) =>
    context.run(name, async () => {
      await Promise.resolve();
      return new Promise((resolve) => call.subscribe(() => resolve(context.getStore())));
    }),
  );

  expect(await Promise.all(heard)).toEqual(['first', 'second']);
});

describe('an await', () => {
  test('gets the value, before and after the end, and takes nothing from subscribers', async () => {
    const { unseen } = told();
    const call = hot(Promise.resolve(21), twice, (error) => unseen.push(error));
    const subscribed = lastValueFrom(call);

    expect(await call).toBe(42);
    expect(await call).toBe(42);
    expect(await subscribed).toBe(42);
    expect(unseen).toEqual([]);
  });

  test.each<[string, (call: RedisQueueCall<number>) => PromiseLike<unknown>]>([
    ['await', async (call) => [await call]],
    ['the end of an async function', async (call) => [await (async () => call)()]],
    ['Promise.all', (call) => Promise.all([call])],
    ['Promise.resolve', async (call) => [await Promise.resolve(call)]],
    ['an async generator', async (call) => valuesOf(call)],
    ['then', (call) => call.then((value) => [value])],
    ['then without a listener', (call) => call.then().then((value) => [value])],
    ['firstValueFrom', async (call) => [await firstValueFrom(call)]],
    ['from', (call) => lastValueFrom(from(call).pipe(toArray()))],
    [
      'mergeMap',
      (call) =>
        lastValueFrom(
          of(1).pipe(
            mergeMap(() => call),
            toArray(),
          ),
        ),
    ],
    [
      'concatMap',
      (call) =>
        lastValueFrom(
          of(1).pipe(
            concatMap(() => call),
            toArray(),
          ),
        ),
    ],
    ['forkJoin', (call) => lastValueFrom(forkJoin([call]))],
  ])('by %s gets the value, or the failure, which then counts as seen', async (_, wait) => {
    const { unseen } = told();
    const onUnseen = (error: unknown): unknown => unseen.push(error);
    const failure = new Error('full');

    expect(await wait(hot(Promise.resolve(21), twice, onUnseen))).toEqual([42]);
    await expect(wait(hot(Promise.reject(failure), twice, onUnseen))).rejects.toBe(failure);

    await new Promise(setImmediate);
    expect(unseen).toEqual([]);
  });

  test('that comes after the failure was reported as unseen gets it too', async () => {
    const { unseen } = told();
    const call = hot(Promise.reject(new Error('full')), twice, (error) => unseen.push(error));
    await new Promise(setImmediate);
    expect(unseen).toHaveLength(1);

    await expect(call).rejects.toThrow('full');
    expect(unseen).toHaveLength(1);
  });
});

describe('a failure', () => {
  test('is told to all subscribers, and to nobody else', async () => {
    const { unseen, seen } = told();
    const call = hot(Promise.reject(new Error('full')), twice, (error) => unseen.push(error));
    for (let n = 0; n < 3; n += 1) call.subscribe({ error: (error: Error) => seen.push(error) });

    await expect(lastValueFrom(call)).rejects.toThrow('full');

    expect(seen).toHaveLength(3);
    expect(unseen).toEqual([]);
  });

  test('is told to a later subscriber', async () => {
    const call = hot(Promise.reject(new Error('full')), twice, () => undefined);
    await Promise.resolve();
    await Promise.resolve();

    await expect(lastValueFrom(call)).rejects.toThrow('full');
  });

  test.each([1, 2])('that %d subscribers no longer wait for is unseen', async (subscribers) => {
    const { unseen, seen } = told();
    const failure = new Error('full');
    const call = hot(Promise.reject(failure), twice, (error) => unseen.push(error));
    for (let n = 0; n < subscribers; n += 1)
      call.subscribe({ error: (error: Error) => seen.push(error) }).unsubscribe();

    await new Promise(setImmediate);
    expect(unseen).toEqual([failure]);
    expect(seen).toEqual([]);
  });

  test('that one of two still waits for is seen', async () => {
    const { unseen, seen } = told();
    const call = hot(Promise.reject(new Error('full')), twice, (error) => unseen.push(error));
    call.subscribe({ error: () => undefined }).unsubscribe();
    call.subscribe({ error: (error: Error) => seen.push(error) });

    await expect(lastValueFrom(call)).rejects.toThrow('full');

    expect(seen).toHaveLength(1);
    expect(unseen).toEqual([]);
  });
});

test('a subscriber that unsubscribed is told nothing', async () => {
  const { seen } = told();
  const call = hot(Promise.resolve(21), twice, () => undefined);
  call.subscribe({ next: (value) => seen.push(value) }).unsubscribe();

  await lastValueFrom(call);

  expect(seen).toEqual([]);
});
