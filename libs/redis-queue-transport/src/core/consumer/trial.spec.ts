import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeRuntime } from '../process/runtime.fake.js';
import { Trial, TrialTurn } from './trial.js';
import type { TrialView } from './trial.js';

const IDLE: TrialView = {
  isConsuming: true,
  isEmpty: true,
  hasPlace: true,
  isTesting: false,
  isHeldBack: false,
};
const BUSY: TrialView = { ...IDLE, isEmpty: false };
const TESTING: TrialView = { ...BUSY, isTesting: true };

let runtime: FakeRuntime;
let turn: TrialTurn;
let trial: Trial;

beforeEach(() => {
  runtime = new FakeRuntime();
  turn = new TrialTurn();
  trial = newTrial();
});

afterEach(() => trial.end());

function newTrial(): Trial {
  return new Trial(turn, () => undefined, runtime);
}

/** Brings the trial to the point where it runs suspects. */
function begin(): void {
  trial.told('free');
  expect(trial.step(IDLE)).toBe('claim');
  trial.told('mine');
  expect(trial.step(IDLE)).toBe('next');
  trial.told('mine');
}

describe('a trial', () => {
  test('asks for nothing while there are no suspects, or others run them', () => {
    for (const suspects of ['none', 'others'] as const) {
      trial.told(suspects);
      expect([trial.isIdle, trial.step(IDLE)]).toEqual([true, undefined]);
    }
  });

  test('is claimed at once by a consumer that holds nothing, and by another one a little later', () => {
    trial.told('free');
    expect(trial.step(BUSY)).toBeUndefined();
    runtime.advance(300);
    expect(trial.step(BUSY)).toBe('claim');
  });

  test('is not claimed by a consumer that takes nothing', () => {
    trial.told('free');
    expect(trial.step({ ...IDLE, isConsuming: false })).toBeUndefined();
  });

  test('is over for a consumer that claimed it in vain', () => {
    trial.told('free');
    trial.step(IDLE);
    trial.told('others');
    expect([trial.isOn, trial.isIdle, turn.isFree]).toEqual([false, true, true]);
  });

  test('lets running handlers end before the first suspect, but does not wait for ever', () => {
    trial.told('free');
    trial.step(IDLE);
    trial.told('mine');
    expect([trial.isOn, trial.step(BUSY)]).toEqual([true, undefined]);
    runtime.advance(5_000);
    expect(trial.step(BUSY)).toBe('next');
  });

  test('runs one suspect after the other, and leaves each alone for a while', () => {
    begin();
    expect(trial.step(TESTING)).toBeUndefined();
    expect(trial.step(IDLE)).toBe('next');
    runtime.advance(2_000);
    expect(trial.step(TESTING)).toBe('next');
  });

  test('is given up if no handler can begin beside those that hang', () => {
    begin();
    runtime.advance(2_000);
    expect(trial.step({ ...TESTING, hasPlace: false })).toBe('yield');
  });

  test('is given up when the consumer drains or is paused, even while a suspect runs', () => {
    begin();
    expect(trial.step({ ...TESTING, isConsuming: false })).toBe('yield');
  });

  test('lets the limit of the queue hold the next suspect back, and keeps its right meanwhile', () => {
    begin();
    expect(trial.step({ ...IDLE, isHeldBack: true })).toBeUndefined();
    expect(trial.isOn).toBe(true);
    expect(trial.step(IDLE)).toBe('next');
  });

  test('that takes long gives way to the queue for as long', () => {
    begin();
    runtime.advance(10_001);
    expect(trial.step(IDLE)).toBe('yield');
    trial.told('free');
    expect([trial.isOn, trial.step(IDLE), trial.passingStep]).toEqual([
      false,
      undefined,
      undefined,
    ]);
    runtime.advance(10_001);
    expect([trial.passingStep, trial.step(IDLE)]).toEqual(['claimIfEmpty', 'claim']);
  });

  test('is over when there is no suspect left', () => {
    begin();
    trial.step(IDLE);
    trial.told('none');
    expect([trial.isOn, trial.isIdle, turn.isFree]).toEqual([false, true, true]);
  });

  test('begins when an exchange says that it has the right, even if the reply to its claim was lost', () => {
    trial.told('free');
    trial.step(IDLE);
    trial.failed();
    trial.told('mine');
    expect([trial.isOn, trial.passingStep]).toEqual([true, 'keep']);
  });

  test('allows one at a time in a process', () => {
    begin();
    const other = newTrial();
    other.told('free');
    expect([other.step(IDLE), other.passingStep]).toEqual([undefined, undefined]);
    other.told('mine'); // claimed by a call whose reply was lost
    expect([other.isOn, other.step(IDLE)]).toEqual([false, 'yield']);
    other.end();
  });

  test('ends with the lease', () => {
    begin();
    trial.end();
    expect([trial.isOn, trial.isIdle, turn.isFree]).toEqual([false, true, true]);
  });
});
