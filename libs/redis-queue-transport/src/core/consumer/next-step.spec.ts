import { describe, expect, test } from '@jest/globals';
import { nextStep } from './next-step.js';
import type { ConsumerView, NextStep } from './next-step.js';

/** A consumer of an empty queue that holds nothing and waits for the next message. */
const IDLE: ConsumerView = {
  phase: 'consuming',
  isOverdue: false,
  hasLease: true,
  isExchanging: false,
  isWaiting: true,
  isPaused: false,
  isHeldBack: false,
  mustAsk: false,
  running: 0,
  hasSettlements: false,
  free: 0,
  hasJustBegun: false,
  mustLook: false,
  mustRelease: false,
  mustYieldTime: false,
  trialStep: undefined,
  isCalm: false,
};

/** The same, before it waits. */
const FREE: ConsumerView = { ...IDLE, isWaiting: false, free: 3 };
/** As many handlers run as allowed. */
const FULL: ConsumerView = { ...FREE, free: 0, running: 3 };

type Row = [words: string, next: NextStep, from: ConsumerView, change: Partial<ConsumerView>];

function table(rows: Row[]): void {
  test.each(rows)('%s: %s', (_, next, from, change) => {
    expect(nextStep({ ...from, ...change })).toBe(next);
  });
}

describe('a consumer without a lease', () => {
  table([
    ['rests, since another lease follows by itself', 'rest', FREE, { hasLease: false }],
    ['keeps its settlements', 'rest', FREE, { hasLease: false, hasSettlements: true }],
    ['takes nothing before it has begun to consume', 'rest', FREE, { phase: 'new', free: 0 }],
  ]);
});

describe('a consumer that takes', () => {
  table([
    ['waits if places are free', 'wait', FREE, {}],
    ['rests while it waits', 'rest', IDLE, {}],
    ['rests while no place is free', 'rest', FULL, {}],
    ['looks if something may be there', 'exchange', FREE, { mustLook: true }],
    ['looks beside its wait', 'exchange', IDLE, { mustLook: true }],
    ['does not look without a free place', 'rest', FULL, { mustLook: true }],
    [
      'looks even then if something is due that others may take',
      'exchange',
      FULL,
      { mustLook: true, mustRelease: true },
    ],
    ['rests while an exchange is under way', 'rest', FREE, { isExchanging: true, mustLook: true }],
    [
      'settles with the next exchange what ended during this one',
      'rest',
      FREE,
      { isExchanging: true, hasSettlements: true },
    ],
  ]);
});

describe('a consumer whose handlers end', () => {
  table([
    ['settles at once', 'exchange', FREE, { hasSettlements: true }],
    ['settles although no place is free', 'exchange', FULL, { hasSettlements: true }],
    [
      'settles at once although others have just begun',
      'exchange',
      FULL,
      { hasSettlements: true, hasJustBegun: true },
    ],
    [
      'lets the turn end first if handlers have just begun',
      'endTurn',
      FREE,
      { hasJustBegun: true, mustLook: true },
    ],
    [
      'gathers settlements for a moment while messages come one by one',
      'gather',
      IDLE,
      { hasSettlements: true, isCalm: true },
    ],
    [
      'waits meanwhile for the next message',
      'gatherAndWait',
      FREE,
      { hasSettlements: true, isCalm: true },
    ],
    [
      'settles one at a time if it runs one at a time',
      'exchange',
      FREE,
      { hasSettlements: true, isCalm: true, free: 1 },
    ],
  ]);
});

describe('a consumer of a paused queue', () => {
  table([
    ['does not wait', 'rest', FREE, { isPaused: true }],
    ['checks whether it is resumed', 'exchange', FREE, { isPaused: true, mustLook: true }],
    ['settles at once', 'exchange', FREE, { isPaused: true, hasSettlements: true, isCalm: true }],
  ]);
});

describe('a consumer of a limited queue', () => {
  table([
    ['does not wait while it may take nothing', 'rest', FREE, { isHeldBack: true }],
    ['looks when it is time', 'exchange', FREE, { isHeldBack: true, mustLook: true }],
    [
      'asks for how long it is slowed down, even without room',
      'exchange',
      FULL,
      { isHeldBack: true, mustAsk: true },
    ],
    [
      'does not ask while it takes nothing anyway',
      'rest',
      { ...FULL, phase: 'paused' },
      { isHeldBack: true, mustAsk: true },
    ],
    [
      'settles at once, since others may take then',
      'exchange',
      FREE,
      { isHeldBack: true, hasSettlements: true, isCalm: true },
    ],
  ]);
});

describe('a consumer that has the trial or keeps the time of its queue', () => {
  table([
    [
      'asks for a step of the trial, before all else',
      'exchangeAside',
      FREE,
      { trialStep: 'next', hasSettlements: true },
    ],
    [
      'asks for it while handlers have just begun',
      'exchangeAside',
      FREE,
      { trialStep: 'yield', hasJustBegun: true },
    ],
    [
      'gives up keeping the time when it drains',
      'exchangeAside',
      FULL,
      { phase: 'draining', mustYieldTime: true },
    ],
    [
      'asks for nothing while an exchange is under way',
      'rest',
      FREE,
      { trialStep: 'claim', isExchanging: true },
    ],
  ]);
});

describe('a consumer that drains', () => {
  const DRAINING: ConsumerView = { ...FULL, phase: 'draining' };
  table([
    ['takes nothing more', 'rest', DRAINING, { mustLook: true }],
    ['settles what ends', 'exchange', DRAINING, { hasSettlements: true }],
    ['settles it at once', 'exchange', DRAINING, { hasSettlements: true, isCalm: true }],
    ['stays when all has ended', 'rest', DRAINING, { running: 0 }],
  ]);
});

describe('a consumer that is told to stop', () => {
  const STOPPING: ConsumerView = { ...FULL, phase: 'stopping' };
  table([
    ['lets handlers end', 'rest', STOPPING, {}],
    ['settles what ends', 'exchange', STOPPING, { hasSettlements: true }],
    ['hands back what runs at the deadline', 'handBack', STOPPING, { isOverdue: true }],
    ['does that even without a lease', 'handBack', STOPPING, { isOverdue: true, hasLease: false }],
    ['goes on once all has ended', 'handBack', STOPPING, { running: 0 }],
    ['lets its wait end before', 'rest', STOPPING, { running: 0, isWaiting: true }],
  ]);
});

describe('a consumer that has handed back what ran', () => {
  const ENDING: ConsumerView = { ...FREE, phase: 'handingBack', free: 0 };
  table([
    ['settles what is left', 'exchange', ENDING, { hasSettlements: true }],
    ['lets that exchange end', 'rest', ENDING, { isExchanging: true }],
    ['leaves when nothing is left', 'leave', ENDING, {}],
    [
      'leaves when the time for that is over',
      'leave',
      ENDING,
      { isOverdue: true, hasSettlements: true },
    ],
    [
      'leaves then even during an exchange',
      'leave',
      ENDING,
      { isOverdue: true, isExchanging: true },
    ],
    ['does nothing once it has left', 'rest', ENDING, { phase: 'left', mustLook: true, free: 3 }],
  ]);
});
