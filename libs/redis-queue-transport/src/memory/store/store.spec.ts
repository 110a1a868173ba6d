import { describe, expect, test } from '@jest/globals';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import type { StoredQueue } from './stored-queue.js';
import { Store } from './store.js';

const NOW_MS = 1_000;

/** All that can be read of a queue. */
function partsOf(queue: StoredQueue): unknown {
  const { waiting, suspects, unkeyed, delayed, levels, lanes, rests, dead, ids, handled } = queue;
  const { processing, consumers, fenced, parked, terms, readsKeys, counts, fed } = queue;
  return {
    lists: [waiting, suspects, unkeyed, fed].map((list) => list.slice().map(String)),
    delayed: delayed.all,
    levels: [levels.turn, levels.byLevel],
    lanes: [lanes.out, lanes.byKey],
    rests: [rests.all, rests.paceOf('k')],
    dead: dead.all,
    known: [ids.has('a', NOW_MS), handled.has('a', NOW_MS)],
    tables: structuredClone([processing, consumers, fenced, parked, terms, readsKeys]),
    counts: { ...counts },
    state: [queue.isPaused, queue.slowed, queue.trial, queue.timekeeper, queue.keyReader],
  };
}

/** Adds something to each part. */
function fill(queue: StoredQueue, name: string): void {
  const element = Buffer.from(name);
  const rest = { sinceMs: 0, untilMs: 9_000 };
  for (const list of [queue.waiting, queue.suspects, queue.unkeyed, queue.fed]) list.push(element);
  queue.delayed.add(5, element);
  queue.levels.add(9, element, 'right');
  queue.levels.turn += 1;
  queue.lanes.add('k', element);
  queue.lanes.out.set(name, 1);
  queue.rests.add(name, rest);
  queue.rests.setPace('k', name.length, 0);
  queue.dead.add(NOW_MS, element);
  queue.ids.add(name, NOW_MS + 1, 0);
  queue.handled.add(name, NOW_MS + 1, 0);
  queue.hold('consumer', element);
  queue.consumers.set(name, 1);
  queue.fenced.set(name, 1);
  queue.parked.set(name, element);
  queue.terms.set(name, '1');
  queue.readsKeys.add(name);
  queue.counts.expired += 1;
  queue.isPaused = !queue.isPaused;
  queue.slowed = { untilMs: name.length, ms: 1 };
  queue.trial = name;
  queue.timekeeper = name;
  queue.keyReader = name;
}

describe('a store', () => {
  test('becomes a replica that has missed what came last', () => {
    const store = new Store(nodeRuntime);
    const space = store.space('rq');
    const queue = space.queue('q');
    fill(queue, 'a');
    space.list('q', 'served');
    space.events.setField('@g/a', '1');
    const before = partsOf(queue);
    const takeOver = store.remember();

    fill(queue, 'bb');
    queue.waiting.shift();
    queue.lanes.takeNext('k');
    space.queue('later').waiting.push(Buffer.from('c'));
    space.list('later', 'pushed');
    space.events.setField('@g/b', '1');
    expect(partsOf(queue)).not.toEqual(before);
    takeOver();

    expect(partsOf(queue)).toEqual(before);
    expect(space.queue('later').waiting.length).toBe(0);
    expect([...space.listed]).toEqual([['q', 'served']]);
    expect(['@g/a', '@g/b'].map((field) => space.events.field(field))).toEqual(['1', undefined]);
  });

  test('answers nobody who has waited at the old one', () => {
    const store = new Store(nodeRuntime);
    const { waiting } = store.space('rq').queue('q');
    const answers: unknown[] = [];
    const takeOver = store.remember();
    waiting.blockingTake(
      store.clock,
      60_000,
      () => waiting.shift(),
      (taken) => answers.push(taken),
    );

    takeOver();
    store.run(() => waiting.push(Buffer.from('a')));

    expect(answers).toEqual([]);
    expect(waiting.length).toBe(1);
  });
});
