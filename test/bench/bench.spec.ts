import { describe, expect, test } from '@jest/globals';
import { readArguments } from '../../bench/src/arguments.js';
import { GOALS, outcomeOf } from '../../bench/src/goals.js';
import { Ledger } from '../../bench/src/ledger.js';
import { MessageFactory } from '../../bench/src/message.js';
import { faultsOf, type Results, type SampleResult } from '../../bench/src/results.js';
import { percentile, summarise } from '../../bench/src/statistics.js';
import { WORKLOADS } from '../../bench/src/workloads.js';

describe('Messages of the bench', () => {
  test.each([
    [256, 0],
    [256, 999_999],
    [10_240, 12_345],
  ])('have %i bytes as JSON, number %i too', (bytes, n) => {
    expect(JSON.stringify(new MessageFactory(bytes).make(1, n))).toHaveLength(bytes);
  });

  test('are recognised after a round trip, and not when they were changed', () => {
    const messages = new MessageFactory(256);
    const sent = messages.make(1, 17);
    expect(messages.isIntact(JSON.parse(JSON.stringify(sent)))).toBe(true);
    expect(messages.isIntact({ ...sent, n: 18 })).toBe(false);
    expect(messages.isIntact({ ...sent, pad: sent.pad.slice(1) })).toBe(false);
    expect(messages.isIntact(undefined)).toBe(false);
  });
});

describe('The ledger of the bench', () => {
  test('counts lost, doubled and damaged messages', () => {
    const messages = new MessageFactory(256);
    const ledger = new Ledger(4, messages);
    for (const n of [0, 1, 1, 3, 4]) ledger.record(messages.make(1, n));
    ledger.record({ ...messages.make(1, 2), pad: '' });
    expect(ledger.account()).toEqual({
      expected: 4,
      received: 3,
      lost: 1,
      duplicated: 1,
      damaged: 2, // number 4 was never sent
    });
    expect(ledger.isComplete).toBe(false);
  });

  test('is complete if every number was there once', () => {
    const messages = new MessageFactory(256);
    const ledger = new Ledger(2, messages);
    for (const n of [1, 0]) ledger.record(messages.make(1, n));
    expect(ledger.isComplete).toBe(true);
  });
});

describe('Statistics of the bench', () => {
  test('take the middle, or the middle between two', () => {
    expect(summarise([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 });
    expect(summarise([4, 1, 2, 3]).median).toBe(2.5);
  });

  test('take percentiles between their neighbours', () => {
    const ascending = Array.from({ length: 101 }, (_, value) => value);
    expect(percentile(ascending, 99)).toBe(99);
    expect(percentile([10, 20], 25)).toBe(12.5);
    expect(percentile([], 50)).toBeNaN();
  });
});

describe('Goals of the bench', () => {
  const goal = GOALS.find(({ title }) => title === 'one-way ÷ Nest REDIS')!;

  test('name workloads and contestants that exist', () => {
    const known = new Set(WORKLOADS.map(({ id }) => id));
    const unknown = GOALS.flatMap(({ of, by }) => [of, by ?? of])
      .map(({ workload }) => workload)
      .filter((workload) => !known.has(workload));
    expect(unknown).toEqual([]);
  });

  test('compare medians of the rounds in which both were measured', () => {
    const results = resultsOf([
      rate('ours', 1, 400),
      rate('nest-redis', 1, 100),
      rate('ours', 2, 200),
      rate('nest-redis', 2, 100),
      rate('ours', 3, 9_999),
    ]);
    expect(outcomeOf(goal, results)).toMatchObject({
      value: { median: 3, least: 2, most: 4 },
      isMet: true,
    });
  });

  test('say nothing about what was not measured', () => {
    const results = resultsOf([rate('ours', 1, 400)]);
    expect(outcomeOf(goal, results)).toMatchObject({ value: undefined, isMet: undefined });
  });
});

describe('Results of the bench', () => {
  test('show what went wrong in all samples', () => {
    const sample = rate('ours', 1, 1);
    const faulty = { ...sample, failed: 2, account: { ...sample.account, lost: 1 } };
    expect(faultsOf([sample])).toBeUndefined();
    expect(faultsOf([sample, faulty, faulty])).toBe('2 lost, 4 failed');
  });
});

describe('The command line of the bench', () => {
  test('chooses by id and by the beginning of an id', () => {
    const command = readArguments(['--only', 'ours', '--work', 'request-,drain-1']);
    const run = command.kind === 'run' ? command.run : undefined;
    expect(run?.contestants.map(({ id }) => id)).toEqual(['ours']);
    expect(run?.workloads.map(({ id }) => id)).toEqual(['request-1', 'request-100', 'drain-1']);
  });

  test('refuses unknown values', () => {
    expect(() => readArguments(['--only', 'kafka'])).toThrow('--only knows no kafka');
    expect(() => readArguments(['--reps', 'many'])).toThrow('--reps must be a number above 0');
    expect(() => readArguments(['--fast'])).toThrow('--fast');
  });
});

function resultsOf(samples: readonly SampleResult[]): Results {
  const run = { date: '', command: '', machine: {}, versions: {} };
  return { run, samples, omissions: [] };
}

function rate(contestant: string, round: number, perSecond: number): SampleResult {
  return {
    contestant,
    workload: 'one-way',
    round,
    figures: { perSecond },
    account: { expected: 1, received: 1, lost: 0, duplicated: 0, damaged: 0 },
    failed: 0,
    error: undefined,
  };
}
