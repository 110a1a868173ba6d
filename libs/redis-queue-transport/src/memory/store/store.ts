import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { Runtime } from '../../core/process/runtime.js';
import type { Restore } from '../collections/remember.js';
import { Space } from './space.js';
import { StoreClock } from './store-clock.js';
import { StoredList } from './stored-list.js';

/**
 * Stands in for one Redis server. Everything that is given the same store shares what it holds: brokers of any number of
 * processes, and tools. Prefixes are apart. Nothing is kept when the process ends.
 *
 * Whatever changes or reads it is a command: a function that runs to its end without a pause, as a script of Redis does.
 */
export class Store {
  readonly clock: StoreClock;
  readonly #spaces = new Map<string, Space>();
  /** Lists of other programs, by their keys. */
  readonly #lists = new Map<string, StoredList>();
  /** Lists that were filled, and for which somebody waits. */
  readonly #filled = new Set<StoredList>();
  #isRunning = false;

  constructor(runtime: Runtime = nodeRuntime) {
    this.clock = new StoreClock(runtime);
    this.clock.whenMoved(() => this.run(() => this.#wakeThoseDue()));
  }

  space(prefix: string): Space {
    const known = this.#spaces.get(prefix);
    if (known !== undefined) return known;
    const space = new Space(this.#onFilled, () => this.clock.nowMs());
    this.#spaces.set(prefix, space);
    return space;
  }

  /** A list of another program. The library only takes from it. */
  list(key: string): StoredList {
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const list = new StoredList(this.#onFilled);
    this.#lists.set(key, list);
    return list;
  }

  /** Forgets everything, as a Redis does that starts again without its data. Links stay. */
  clear(): void {
    for (const space of this.#spaces.values()) space.clear();
    for (const list of this.#lists.values()) list.clear();
  }

  /**
   * Keeps what the store holds now, as a replica does that gets nothing more. Returns what makes the store that replica: it
   * then holds what it held, and none of its connections is left, so that those who waited get no answer. Those who listen
   * stay. Call it once.
   */
  remember(): Restore {
    const parts = [...this.#spaces.values(), ...this.#lists.values()];
    const restores = new Map(parts.map((part) => [part, part.remember()]));
    return () => {
      this.forgetTakers();
      for (const part of [...this.#spaces.values(), ...this.#lists.values()]) {
        part.clear();
        restores.get(part)?.();
      }
    };
  }

  /** Those who wait for something get no answer any more. */
  forgetTakers(): void {
    for (const part of [...this.#spaces.values(), ...this.#lists.values()]) part.forgetTakers();
  }

  /** Runs a command, and then serves those who wait for what it added. */
  run<T>(command: () => T): T {
    if (this.#isRunning) return command();
    this.#isRunning = true;
    try {
      return command();
    } finally {
      this.#isRunning = false;
      this.#serve();
    }
  }

  #serve(): void {
    for (const list of this.#filled) {
      this.#filled.delete(list);
      list.serve();
    }
  }

  readonly #onFilled = (list: StoredList): void => {
    this.#filled.add(list);
    if (!this.#isRunning) this.#serve();
  };

  /**
   * Has all consumers look, also at what a rate, a rest or a slow-down held back. For a clock that was moved on purpose:
   * nobody tells consumers that the clock of a Redis was set.
   */
  wakeAll(): void {
    this.run(() => {
      for (const { queues } of this.#spaces.values())
        for (const queue of queues.values()) queue.wake('look');
    });
  }

  /** Consumers know when to look by their own clocks, which were not moved. */
  #wakeThoseDue(): void {
    const nowMs = this.clock.nowMs();
    for (const { queues } of this.#spaces.values())
      for (const queue of queues.values())
        if ((queue.delayed.first?.dueMs ?? Infinity) <= nowMs) queue.wake('look');
  }
}
