import { beforeEach, describe, expect, test } from '@jest/globals';
import { FakeRuntime } from '../process/runtime.fake.js';
import { StartGate } from './start-gate.js';

const LEASE_MS = 1_000;
/** How long handlers may begin before the event loop turns. */
const TURN_MS = 50;

let runtime: FakeRuntime;

beforeEach(() => {
  runtime = new FakeRuntime();
});

/** A gate, and the lease behind it. */
class Stage {
  opened = 0;
  asked = 0;
  sureUntil = runtime.now() + LEASE_MS;
  #isSure = true;
  #answer: () => void = () => undefined;
  readonly gate: StartGate;

  constructor() {
    const onOpen = (): void => void (this.opened += 1);
    this.gate = new StartGate(this, LEASE_MS, onOpen, runtime);
  }

  get isSure(): boolean {
    return this.#isSure && runtime.now() < this.sureUntil;
  }

  set isSure(isSure: boolean) {
    this.#isSure = isSure;
  }

  makeSure(): Promise<void> {
    this.asked += 1;
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  renew(): void {
    this.isSure = true;
    this.sureUntil = runtime.now() + LEASE_MS;
    this.#answer();
  }

  /** Begins as many of these as the gate allows. Each takes this long. Returns how many began. */
  begin(many: number, tookMs = 0): number {
    for (let begun = 0; begun < many; begun += 1) {
      if (!this.gate.mayStart()) return begun;
      this.gate.began();
      runtime.advance(tookMs);
    }
    return many;
  }
}

const turn = (): Promise<void> => new Promise(setImmediate);

/** Begins as many as allowed, turn after turn, until this many have begun. Returns how many began in each turn. */
async function inTurns(stage: Stage, many: number, tookMs: number): Promise<number[]> {
  const turns: number[] = [];
  for (let left = many; left > 0; await turn()) {
    const begun = stage.begin(left, tookMs);
    if (begun > 0) turns.push(begun);
    left -= begun;
  }
  return turns;
}

describe('a gate', () => {
  test('lets twice as many begin in each turn as in the last while turns are short', async () => {
    expect(await inTurns(new Stage(), 100, 0.01)).toEqual([1, 2, 4, 8, 16, 32, 37]);
  });

  test('lets one begin in a turn if each takes long', async () => {
    expect(await inTurns(new Stage(), 5, TURN_MS / 2 + 1)).toEqual([1, 2, 1, 1]);
    expect(await inTurns(new Stage(), 4, TURN_MS)).toEqual([1, 1, 1, 1]);
  });

  test('lets none begin after a turn has become long', async () => {
    const stage = new Stage();
    await inTurns(stage, 100, 0);
    expect(stage.begin(10, TURN_MS / 2)).toBe(2);
  });

  test('lets the event loop turn once more after a long turn, and then opens', async () => {
    const stage = new Stage();
    expect(stage.begin(2, TURN_MS)).toBe(1);
    await turn();
    expect([stage.opened, stage.gate.mayStart()]).toEqual([0, false]);
    await turn();
    expect([stage.opened, stage.gate.mayStart()]).toEqual([1, true]);
  });

  test('lets none begin on a lease that may have ended, and opens when that is known', async () => {
    const stage = new Stage();
    stage.isSure = false;
    expect([stage.gate.mayStart(), stage.gate.mayStart()]).toEqual([false, false]);
    expect(stage.asked).toBe(1);
    const opened = stage.gate.opened();
    stage.renew();
    await opened;
    expect([stage.opened, stage.gate.mayStart()]).toEqual([1, true]);
  });

  test('lets none begin on a lease that may have ended since others began', async () => {
    const stage = new Stage();
    await inTurns(stage, 100, 0);
    expect(stage.begin(1)).toBe(1);
    runtime.advance(stage.sureUntil - runtime.now());
    expect([stage.gate.mayStart(), stage.asked]).toEqual([false, 1]);
  });

  test('lets none begin after the machine has slept since others began', async () => {
    const stage = new Stage();
    await inTurns(stage, 100, 0);
    expect(stage.begin(1)).toBe(1);
    stage.isSure = false; // the wall clock shows it, and the monotonic one does not
    expect([stage.gate.mayStart(), stage.asked]).toEqual([false, 1]);
  });

  test('tells nobody that it opens if nobody waits', async () => {
    const stage = new Stage();
    stage.begin(1);
    await turn();
    await turn();
    expect(stage.opened).toBe(0);
  });
});
