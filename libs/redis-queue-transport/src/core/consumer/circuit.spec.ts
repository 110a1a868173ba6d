import { describe, expect, test } from '@jest/globals';
import { Circuit } from './circuit.js';

/**
 * Runs a story in shorthand: `f` is the first failure of a message, `s` a success, `p` the end of a pause. A number
 * says how often, as in `20f`.
 */
function run(circuit: Circuit, story: string): void {
  for (const [, times = '', what] of story.matchAll(/(\d*)([fsp])/g)) {
    for (let i = 0; i < Number(times || 1); i += 1) {
      if (what === 'f') circuit.failed(0);
      else if (what === 's') circuit.succeeded();
      else circuit.probe();
    }
  }
}

describe('how many may be held', () => {
  test.each<[string, string, number, number]>([
    ['all at first', '', 100, Infinity],
    ['all while everything succeeds', '1000s', 100, Infinity],
    ['all after a few failures', '19f', 100, Infinity],
    ['none once twenty messages failed', '20f', 100, 0],
    ['none once twenty messages failed, one at a time', '20f', 1, 0],
    ['all while a few bad ones fail among good ones', '5f10s5f10s5f10s5f10s5f10s', 100, Infinity],
    ['all while half of them fail', 'fsfsfsfsfsfsfsfsfsfsfsfsfsfsfsfsfsfsfsfs', 100, Infinity],
    ['all while four of five fail', '4fs4fs4fs4fs4fs4fs4fs4fs4fs4fs4fs4fs4fs', 100, Infinity],
    ['none while nine of ten fail', '9fs9fs9fs9f', 100, 0],
    ['none whatever else fails in the pause', '20f50f', 100, 0],
    ['a few after the pause', '20fp', 100, 3],
    ['a few after the pause, and one more failure', '20fp2f', 100, 3],
    ['none when these fail too', '20fp3f', 100, 0],
    ['a few after another pause', '20fp3fp', 100, 3],
    ['twice as many with a success', '20fps', 100, 6],
    ['twice as many again, failures or not', '20fpsffs', 100, 12],
    ['more after what began before the pause succeeds in it', '20fs', 100, 6],
    ['none when all of the many fail again', '20fpss12f', 100, 0],
    ['all when the most that may run succeed', '20fpssssss', 100, Infinity],
    ['all with one success where one may run', '20fps', 1, Infinity],
    ['all after that, until twenty fail once more', '20fps19f', 1, Infinity],
    ['none when twenty fail once more', '20fps20f', 1, 0],
  ])('%s', (_, story, concurrency, limit) => {
    const circuit = new Circuit(concurrency);

    run(circuit, story);

    expect(circuit.limit).toBe(limit);
    expect(circuit.isOpen).toBe(limit !== Infinity);
  });
});

describe('the pause', () => {
  test.each([
    [0, 500],
    [1_000, 500],
    [20_000, 5_000],
    [60_000, 15_000],
    [24 * 3_600_000, 30_000],
  ])('after %d ms is %d ms', (openMs, pauseMs) => {
    const circuit = new Circuit(100);
    for (let message = 0; message < 20; message += 1) circuit.failed(1_000);

    expect(circuit.pauseMs(1_000 + openMs)).toBe(pauseMs);
  });

  test('goes on from when it opened, through all probes', () => {
    const circuit = new Circuit(100);
    for (let message = 0; message < 20; message += 1) circuit.failed(0);
    circuit.probe();
    for (let message = 0; message < 3; message += 1) circuit.failed(40_000);

    expect(circuit.limit).toBe(0);
    expect(circuit.pauseMs(40_000)).toBe(10_000);
  });
});

test('a success changes nothing while nothing fails', () => {
  const circuit = new Circuit(100);
  expect(circuit.isSettled).toBe(true);
  run(circuit, 'f');
  expect(circuit.isSettled).toBe(false);
  run(circuit, 's');
  expect(circuit.isSettled).toBe(true);
});
