import { availableParallelism, loadavg } from 'node:os';
import { TestEnvironment } from 'jest-environment-node';

/** A test that takes longer than so many times what it may hangs, however busy the machine is. */
const MOST = 10;

/**
 * What a test or a hook may take at most is meant for a machine that has nothing else to do. It only ends what hangs; what
 * has to be quick says so by a Stopwatch. So it grows with the work that waits for each core.
 */
export default class PatientEnvironment extends TestEnvironment {
  /** As written down, by hook: most run more than once. */
  #limits = new WeakMap();

  handleTestEvent(event, { testTimeout }) {
    if (event.name === 'test_fn_start') this.#extend(event.test, testTimeout);
    else if (event.name === 'hook_start') this.#extend(event.hook, testTimeout);
  }

  #extend(what, testTimeout) {
    const limitMs = this.#limits.get(what) ?? (what.timeout || testTimeout);
    this.#limits.set(what, limitMs);
    what.timeout = Math.round(limitMs * slowness());
  }
}

/** 1 on a machine that is idle, and where nobody can tell. */
function slowness() {
  return Math.min(MOST, Math.max(1, loadavg()[0] / availableParallelism()));
}
