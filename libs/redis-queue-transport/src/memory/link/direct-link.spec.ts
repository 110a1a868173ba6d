import { describe, expect, test } from '@jest/globals';
import { nodeRuntime } from '../../core/process/node-runtime.js';
import { Store } from '../store/store.js';
import { DirectLink } from './direct-link.js';

const NEVER = new AbortController().signal;
const WAIT_MS = 60_000;

function linked(): { link: DirectLink; store: Store; told: string[] } {
  return { link: new DirectLink(nodeRuntime), store: new Store(), told: [] };
}

/** Takes from a list, and says what it took. */
function taking(store: Store) {
  const list = store.list('list');
  return (answer: (taken: string | undefined) => void): (() => void) =>
    list.blockingTake(store.clock, WAIT_MS, () => String(list.shift()), answer);
}

describe('the link that breaks nothing', () => {
  test('executes in the order of the calls, and answers in that order in a later turn', async () => {
    const { link, told } = linked();
    const calls = ['a', 'b', 'c'].map((name) =>
      link
        .call('test', () => told.push(`executed ${name}`))
        .then(() => told.push(`answered ${name}`)),
    );
    for (let ticks = 0; ticks < 10; ticks += 1) await Promise.resolve();
    expect(told).toEqual(['executed a', 'executed b', 'executed c']);
    await Promise.all(calls);
    expect(told.slice(3)).toEqual(['answered a', 'answered b', 'answered c']);
  });

  test('rejects with what the command threw', async () => {
    const { link } = linked();
    const refused = new Error('no');
    const call = link.call('test', () => {
      throw refused;
    });
    await expect(call).rejects.toBe(refused);
  });

  test('answers a blocking call once there is something', async () => {
    const { link, store } = linked();
    const blocked = link.block('wait', taking(store), NEVER);
    await link.call('add', () => store.run(() => store.list('list').push(Buffer.from('a'))));
    expect(await blocked).toBe('a');
  });

  test('ends a blocking call with nothing when its signal fires, and nothing is taken later', async () => {
    const { link, store } = linked();
    const signal = new AbortController();
    const blocked = link.block('wait', taking(store), signal.signal);
    signal.abort();
    expect(await blocked).toBeUndefined();
    store.list('list').push(Buffer.from('a'));
    expect(store.list('list').length).toBe(1);
  });

  test('tells news in order, each in a later turn, until it is ended', async () => {
    const { link, told } = linked();
    let tell: (news: string) => void = () => undefined;
    let isSubscribed = true;
    const subscription = (teller: (news: string) => void): (() => void) => {
      tell = teller;
      return () => void (isSubscribed = false);
    };
    const end = await link.hear('hear', subscription, (news) => told.push(news));
    tell('a');
    tell('b');
    expect(told).toEqual([]);
    await link.call('wait', () => undefined);
    expect(told).toEqual(['a', 'b']);
    tell('c');
    end();
    await link.call('wait', () => undefined);
    expect([told, isSubscribed]).toEqual([['a', 'b'], false]);
  });

  test('closed, rejects what blocks, and has the store end it', async () => {
    const { link, store } = linked();
    const blocked = link.block('wait', taking(store), NEVER);
    link.close();
    await expect(blocked).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    store.list('list').push(Buffer.from('a'));
    expect(store.list('list').length).toBe(1);
  });
});
