import { describe, expect, test } from '@jest/globals';
import { nodeRuntime } from '../process/node-runtime.js';
import { RecoveringListener } from './recovering-listener.js';
import type { HistorySource, RecoveringEvents } from './recovering-listener.js';
import type { HistoryPage, Told } from './history-page.js';

const EMPTY: HistoryPage = { total: 0, newest: '0-0', events: [], readTo: undefined };
const EVENT = { number: 1, id: '5-0', element: Buffer.from('missed') };

/** The history of a Redis, as its stream gives out places: never one below the last. */
class History implements HistorySource {
  nowTime = 1_000;
  entries: Told[] = [];
  reads = 0;

  nowMs(): number {
    return this.nowTime;
  }

  add(text: string): Told {
    const [ms = 0, sequence = 0] = (this.entries.at(-1)?.id ?? '0-0').split('-').map(Number);
    const id = this.nowTime > ms ? `${this.nowTime}-0` : `${ms}-${sequence + 1}`;
    const told = { number: this.entries.length + 1, id, element: Buffer.from(text) };
    this.entries.push(told);
    return told;
  }

  read(from: string | undefined): Promise<HistoryPage> {
    this.reads += 1;
    const place = (id: string): number => {
      const [ms = 0, sequence = 0] = id.split('-').map(Number);
      return ms * 1_000 + sequence;
    };
    const events = this.entries.filter(({ id }) => {
      if (from === undefined) return false;
      return from.startsWith('(') ? place(id) > place(from.slice(1)) : place(id) >= place(from);
    });
    const newest = this.entries.at(-1)?.id ?? '0-0';
    return Promise.resolve({ total: this.entries.length, newest, events, readTo: undefined });
  }
}

function listenerOf(source: HistorySource): {
  listener: RecoveringListener;
  heard: string[];
  missed: number[];
} {
  const heard: string[] = [];
  const missed: number[] = [];
  const events: RecoveringEvents = {
    deliver: (element) => heard.push(element.toString()),
    missed: (count) => missed.push(count),
    failed: () => undefined,
  };
  const { signal } = new AbortController();
  const listener = new RecoveringListener(source, 60_000, events, signal, nodeRuntime);
  return { listener, heard, missed };
}

const turn = (): Promise<unknown> => new Promise(setImmediate);

describe('a recovering listener', () => {
  test('recovers events that it missed in an interruption while it was starting', async () => {
    let answer: (page: HistoryPage) => void = () => undefined;
    const pages = [
      new Promise<HistoryPage>((resolve) => (answer = resolve)),
      Promise.resolve({ ...EMPTY, total: 1, newest: EVENT.id, events: [EVENT] }),
    ];
    const { listener, heard } = listenerOf({
      read: () => pages.shift() ?? Promise.resolve(EMPTY),
      nowMs: () => 10,
    });

    const started = listener.start();
    listener.catchUp();
    answer(EMPTY);
    await started;
    await turn();

    expect(heard).toEqual(['missed']);
  });

  test('reads no more than the last event again if nothing was missed', async () => {
    const history = new History();
    const { listener, heard } = listenerOf(history);
    await listener.start();
    listener.hear(history.add('a'));
    const before = history.reads;

    listener.interrupt();
    listener.resume();
    await turn();

    expect(heard).toEqual(['a']);
    expect(history.reads).toBe(before + 1);
  });
});

/** The clock of the Redis that takes over, beside that of the one before. */
describe.each([-500, 0, 500])('after a failover that lost events, to a clock %s ms off', (ms) => {
  /** The listener has heard three events, of which the new primary never had the last two. */
  async function failedOver(): Promise<ReturnType<typeof listenerOf> & { history: History }> {
    const history = new History();
    const all = { ...listenerOf(history), history };
    history.add('before it listened');
    await all.listener.start();
    for (const text of ['a', 'b', 'c']) all.listener.hear(history.add(text));
    all.listener.interrupt();
    history.entries = history.entries.slice(0, 2);
    history.nowTime += ms;
    return all;
  }

  test('it hears all events of the new primary, and none twice', async () => {
    const { listener, heard, missed, history } = await failedOver();
    history.add('d');
    history.add('e');
    history.nowTime += 10_000;
    // Heard before the history is read.
    listener.hear(history.add('f'));
    listener.resume();
    await turn();
    listener.hear(history.add('g'));
    await turn();
    expect(heard).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    expect(missed).toEqual([]);
  });

  test('it hears those that come only after it has looked', async () => {
    const { listener, heard, missed, history } = await failedOver();
    listener.resume();
    await turn();
    for (const text of ['d', 'e', 'f']) listener.hear(history.add(text));
    await turn();
    expect(heard).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(missed).toEqual([]);
  });

  test('it notices by an event that it had looked at the old primary', async () => {
    const { listener, heard, history } = await failedOver();
    const { entries } = history;
    const old = new History();
    for (const text of ['before it listened', 'a', 'b', 'c']) old.add(text);
    history.entries = old.entries;
    listener.resume();
    await turn();
    history.entries = entries;
    for (const text of ['d', 'e', 'f']) {
      listener.hear(history.add(text));
      await turn();
    }
    expect(heard).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });
});
