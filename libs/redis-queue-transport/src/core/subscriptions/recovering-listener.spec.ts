import { describe, expect, test } from '@jest/globals';
import { nodeRuntime } from '../process/node-runtime.js';
import { RecoveringListener } from './recovering-listener.js';
import type { HistorySource } from './recovering-listener.js';
import type { HistoryPage } from './history-page.js';

const EMPTY: HistoryPage = { total: 0, newest: '0-0', events: [], readTo: undefined };
const EVENT = { number: 1, id: '5-0', element: Buffer.from('missed') };

describe('a recovering listener', () => {
  test('recovers events that it missed in an interruption while it was starting', async () => {
    const heard: string[] = [];
    let answer: (page: HistoryPage) => void = () => undefined;
    const pages = [
      new Promise<HistoryPage>((resolve) => (answer = resolve)),
      Promise.resolve({ ...EMPTY, total: 1, newest: EVENT.id, events: [EVENT] }),
    ];
    const source: HistorySource = {
      read: () => pages.shift() ?? Promise.resolve(EMPTY),
      nowMs: () => 10,
    };
    const { signal } = new AbortController();
    const events = {
      deliver: (element: Buffer) => heard.push(element.toString()),
      missed: () => undefined,
      failed: () => undefined,
    };
    const listener = new RecoveringListener(source, 60_000, events, signal, nodeRuntime);

    const started = listener.start();
    listener.catchUp();
    answer(EMPTY);
    await started;
    await new Promise(setImmediate);

    expect(heard).toEqual(['missed']);
  });
});
