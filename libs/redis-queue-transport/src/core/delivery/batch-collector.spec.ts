import { describe, expect, test } from '@jest/globals';
import { BatchCollector } from './batch-collector.js';
import type { BatchTerms } from './batch-collector.js';
import type { BatchItem } from './batch-item.js';
import { Delivery } from './delivery.js';
import { decodeElement } from '../message/envelope.js';
import { HandlerTimeoutError } from '../errors/abort-reasons.js';
import { DONE } from './outcome.js';
import type { Result } from './outcome.js';
import { FakeRuntime } from '../process/runtime.fake.js';

const LONG_MS = 60_000;

function delivery(id: string, crashes = 0): Delivery {
  const element = Buffer.from(`{"rq":1,"crashes":${crashes},"id":"${id}"}\n{}`);
  return new Delivery('work', element, decodeElement(element));
}

interface Call {
  readonly ids: readonly string[];
  readonly items: readonly BatchItem<string>[];
  end(result?: Result): void;
  fail(error: unknown): void;
}

/** A collector whose batches end when the test says so. */
class Bench {
  readonly calls: Call[] = [];
  readonly collector: BatchCollector<string>;
  readonly runtime = new FakeRuntime();

  constructor(terms: Partial<BatchTerms>) {
    this.collector = new BatchCollector(
      {
        size: 3,
        waitMs: 0,
        concurrency: 1,
        timeoutMs: undefined,
        isExpired: () => false,
        ...terms,
      },
      (items) =>
        new Promise<Result>((resolve, reject) => {
          const end = (result: Result = DONE): void => resolve(result);
          this.calls.push({ ids: items.map(({ data }) => data), items, end, fail: reject });
        }),
      this.runtime,
    );
  }

  add(...ids: readonly string[]): Promise<Result>[] {
    return ids.map((id) => this.give(delivery(id)));
  }

  give(given: Delivery): Promise<Result> {
    return new Promise((resolve) => this.collector.add(given, given.envelope.id ?? '', resolve));
  }

  get begun(): readonly (readonly string[])[] {
    return this.calls.map(({ ids }) => ids);
  }
}

const turn = (): Promise<void> => new Promise(setImmediate);

/** If it never comes true, Jest's own deadline ends the wait. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

describe('a collector of batches', () => {
  test('makes one batch of messages that arrived together', async () => {
    const bench = new Bench({});

    void bench.add('a', 'b');
    expect(bench.begun).toEqual([]);

    await turn();
    expect(bench.begun).toEqual([['a', 'b']]);
  });

  test('leaves out expired messages, and makes no batch of nothing but these', async () => {
    const late = new Set(['b', 'd']);
    const isExpired = ({ envelope }: Delivery): boolean => late.has(envelope.id ?? '');
    const bench = new Bench({ isExpired });

    const [, b] = bench.add('a', 'b', 'c');
    expect(await b).toEqual({ kind: 'expired' });
    expect(bench.begun).toEqual([['a', 'c']]);

    bench.calls[0]?.end();
    const [d] = bench.add('d');
    expect(await d).toEqual({ kind: 'expired' });
    void bench.add('e');
    await turn();
    expect(bench.begun).toEqual([['a', 'c'], ['e']]);
  });

  test('begins full batches at once, in order', async () => {
    const bench = new Bench({ concurrency: 2, waitMs: LONG_MS });

    void bench.add('a', 'b', 'c', 'd', 'e', 'f');
    await turn();

    expect(bench.begun).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e', 'f'],
    ]);
  });

  test('begins batches of one at once', async () => {
    const bench = new Bench({ size: 1, waitMs: LONG_MS, concurrency: 2 });

    void bench.add('a', 'b');
    await turn();

    expect(bench.begun).toEqual([['a'], ['b']]);
  });

  test('begins a batch that is not full when its first message has waited long enough', async () => {
    const bench = new Bench({ waitMs: 30 });

    void bench.add('a');
    await turn();
    expect(bench.begun).toEqual([]);
    void bench.add('b');

    bench.runtime.advance(29);
    await turn();
    expect(bench.begun).toEqual([]);
    bench.runtime.advance(1);
    await turn();
    expect(bench.begun).toEqual([['a', 'b']]);
  });

  test('runs only as many as allowed, and then takes everything that has gathered', async () => {
    const bench = new Bench({});
    void bench.add('a');
    await turn();
    void bench.add('b');
    await turn();
    void bench.add('c');
    await turn();
    expect(bench.begun).toEqual([['a']]);

    bench.calls[0]!.end();

    await until(() => bench.begun.length === 2);
    expect(bench.begun).toEqual([['a'], ['b', 'c']]);
  });

  test('counts the waiting time of a remaining message from its arrival', async () => {
    const bench = new Bench({ size: 2, waitMs: 100 });
    void bench.add('a', 'b');
    void bench.add('c', 'd', 'e');
    await turn();
    bench.runtime.advance(100);
    bench.calls[0]!.end();
    await until(() => bench.begun.length === 2);

    bench.calls[1]!.end();
    await turn();

    expect(bench.begun).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  test('gives each message the result of the call, except those that were settled individually', async () => {
    const bench = new Bench({});
    const [a, b, c] = bench.add('a', 'b', 'c');
    await turn();
    const [call] = bench.calls;

    call!.items[1]!.settle({ kind: 'retryLater', delayMs: 5 });
    expect(await b).toEqual({ kind: 'retryLater', delayMs: 5 });
    call!.items[1]!.settle(DONE);
    call!.fail('why');

    expect(await Promise.all([a, b, c])).toEqual([
      { kind: 'failed', error: 'why' },
      { kind: 'retryLater', delayMs: 5 },
      { kind: 'failed', error: 'why' },
    ]);
  });

  test('does not let a suspect wait for others', async () => {
    const bench = new Bench({ waitMs: LONG_MS });

    void bench.give(delivery('suspect', 1));
    await turn();

    expect(bench.begun).toEqual([['suspect']]);
  });

  test('gives back messages that have not begun, in order, and forgets them', async () => {
    const bench = new Bench({ waitMs: LONG_MS });
    void bench.add('a', 'b', 'c', 'd', 'e');

    const back = bench.collector.takeBackUnstarted();
    await turn();
    bench.calls[0]!.end();
    await turn();

    expect(back.map(({ envelope }) => envelope.id)).toEqual(['d', 'e']);
    expect(bench.begun).toEqual([['a', 'b', 'c']]);
    expect(bench.collector.takeBackUnstarted()).toEqual([]);
  });

  test('does not begin a message that was given up before it arrived', async () => {
    const bench = new Bench({});
    const given = delivery('a');
    given.abort(new Error('given up'));

    expect(await bench.give(given)).toMatchObject({ kind: 'failed' });
    await turn();

    expect(bench.begun).toEqual([]);
  });

  test('fires the signals after the time limit, fails unsettled messages, and continues', async () => {
    const bench = new Bench({ timeoutMs: 50 });
    const ended = bench.add('a', 'b', 'c');
    const [next] = bench.add('d');
    await turn();
    bench.calls[0]!.items[0]!.settle(DONE);
    bench.runtime.advance(50);

    const [a, b, c] = await Promise.all(ended);

    expect(a).toEqual(DONE);
    expect([b, c]).toEqual([
      { kind: 'failed', error: expect.any(HandlerTimeoutError) },
      { kind: 'failed', error: expect.any(HandlerTimeoutError) },
    ]);
    expect(bench.calls[0]!.items[1]!.delivery.signal.reason).toBeInstanceOf(HandlerTimeoutError);
    await until(() => bench.begun.length === 2);
    expect(bench.begun).toEqual([['a', 'b', 'c'], ['d']]);
    bench.calls[1]!.end();
    expect(await next).toEqual(DONE);
  });
});

test('a collector ends no message before add() has returned, even if the handler settles it at once', async () => {
  const told: string[] = [];
  const collector = new BatchCollector<string>(
    { size: 1, waitMs: 0, concurrency: 2, timeoutMs: undefined, isExpired: () => false },
    ([item]) => {
      item!.settle(DONE);
      return Promise.resolve(DONE);
    },
    new FakeRuntime(),
  );

  collector.add(delivery('a'), 'a', () => told.push('ended'));
  told.push('returned');
  await turn();

  expect(told).toEqual(['returned', 'ended']);
});
