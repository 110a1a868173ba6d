import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeBroker } from './broker.fake.js';
import { Consumer } from './consumer.js';
import type { ConsumerOptions } from './consumer-parts.js';
import { DeliveryRunner } from '../delivery/delivery-runner.js';
import { RedisUnavailableError } from '../errors/call-errors.js';
import { FakeHandler } from '../delivery/handler.fake.js';
import type { AskedExchange, AskedWait } from '../broker/lease.fake.js';
import type { RedisQueueObserver } from '../lifecycle/observer.js';
import { MessageIds } from '../message/message-id.js';
import { TrialTurn } from './trial.js';
import { nodeRuntime } from '../process/node-runtime.js';

const OPTIONS: ConsumerOptions = {
  queue: 'q',
  concurrency: 2,
  prefetch: 2,
  leaseMs: 30_000,
  deadLetterLimit: undefined,
  deadLetterMaxAgeMs: 3_600_000,
  maxCrashes: 3,
  onceMs: undefined,
};
const RETRY = { attempts: 2, backoff: 'fixed', delayMs: 70, maxDelayMs: 70 } as const;

let broker: FakeBroker;
let handler: FakeHandler;
let told: string[];
/** What Redis settled, and how. */
let settled: string[];
let consumer: Consumer;

beforeEach(() => {
  [broker, handler, told, settled] = [new FakeBroker(), new FakeHandler(), [], []];
});

afterEach(async () => {
  const stopped = consumer.stop(0);
  await answerAll();
  await stopped;
});

async function start(options: Partial<ConsumerOptions> = {}): Promise<void> {
  const runner = new DeliveryRunner(handler, { retry: RETRY }, nodeRuntime);
  const observer: RedisQueueObserver = {
    callFailed: () => told.push('failed'),
    callsRecovered: () => told.push('recovered'),
    leaseLost: ({ running }) => told.push(`lost ${running}`),
    leaseRegained: () => told.push('regained'),
    handedBack: ({ deliveries }) => told.push(`handedBack ${deliveries}`),
    settledElsewhere: ({ deliveries }) => told.push(`missing ${deliveries}`),
    trialBegan: () => told.push('trialBegan'),
    trialEnded: () => told.push('trialEnded'),
    settled: ({ id }, as) => settled.push(`${as} ${id}`),
  };
  const all = { ...OPTIONS, ...options };
  const about = [new MessageIds(nodeRuntime), runner, observer, new TrialTurn()] as const;
  consumer = new Consumer(broker, all, ...about, nodeRuntime);
  await consumer.start();
}

const turn = (): Promise<void> => new Promise(setImmediate);

/** The next call of this kind. Gives the consumer as many turns as it needs until then. */
async function next<Call>(calls: Call[]): Promise<Call> {
  for (;;) {
    const call = calls.shift();
    if (call !== undefined) return call;
    await turn();
  }
}

const nextExchange = (): Promise<AskedExchange> => next(broker.lease.exchanges);
const nextWait = (): Promise<AskedWait> => next(broker.lease.waits);

/** Answers all calls until the consumer has left. */
async function answerAll(): Promise<void> {
  while (!broker.lease.hasLeft) {
    for (const lease of broker.leases) lease.answerAll();
    await turn();
  }
}

function message(id: string, header = ''): string {
  return `{"rq":1${header},"id":"${id}"}\n{}`;
}

function settledBy({ settlements }: AskedExchange): string[] {
  return settlements.map(
    ({ kind, element }) => `${kind} ${/"id":"(\w+)"/.exec(element.toString())?.[1]}`,
  );
}

describe('a consumer of a limited queue', () => {
  const limited = { inMs: 20, spreadMs: 0, isSlowed: false };

  test('does not wait while the limit holds it back, and looks when the time has come', async () => {
    await start();
    (await nextExchange()).give([], { limited });
    const again = await nextExchange();
    expect(broker.lease.waits).toEqual([]);
    again.give([]);
    await nextWait();
  });

  test('rests after a wait whose message the limit refused', async () => {
    await start();
    (await nextExchange()).give([]);
    (await nextWait()).answer(limited);
    const again = await nextExchange();
    expect(broker.lease.waits).toEqual([]);
    again.give([message('a')]);
    while (handler.begun.length < 1) await turn();
  });

  test('gives back what has not started when the queue is slowed down, and ends its wait', async () => {
    await start({ concurrency: 1, prefetch: 3 });
    (await nextExchange()).give([message('a'), message('b')]);
    while (handler.begun.length < 1) await turn();
    const wait = await nextWait();
    broker.tell('look');
    const slowed = { ...limited, inMs: 10_000, isSlowed: true };
    (await nextExchange()).give([], { limited: slowed });
    const next = await nextExchange();
    expect(settledBy(next)).toEqual(['release b']);
    expect(wait.signal.aborted).toBe(true);
    next.give([], { limited: slowed });
    await turn();
    expect(broker.lease.waits).toEqual([]);
  });
});

describe('a consumer that hears that its queue was slowed down', () => {
  const slowed = { inMs: 10_000, spreadMs: 0, isSlowed: true };

  test('gives back what has not started although it has no room, and asks for how long', async () => {
    await start({ concurrency: 1, prefetch: 2 });
    (await nextExchange()).give([message('a'), message('b')]);
    while (handler.begun.length < 1) await turn();

    broker.tell('slowed');

    const asked = await nextExchange();
    expect(settledBy(asked)).toEqual(['release b']);
    handler.end('a');
    await turn();
    asked.give([], { limited: slowed });
    expect(settledBy(await nextExchange())).toEqual(['ack a']);
    expect(handler.begun).toEqual(['a']);
  });

  test('asks although all that it holds has started', async () => {
    await start({ concurrency: 1, prefetch: 1 });
    (await nextExchange()).give([message('a')]);
    while (handler.begun.length < 1) await turn();
    broker.tell('slowed');
    expect((await nextExchange()).take).toBe(0);
  });

  test('starts nothing that came with a reply from before the news', async () => {
    await start();
    const first = await nextExchange();

    broker.tell('slowed');
    first.give([message('a')]);

    const asked = await nextExchange();
    expect(settledBy(asked)).toEqual(['release a']);
    asked.give([message('a')]);
    while (handler.begun.length < 1) await turn();
    expect(handler.begun).toEqual(['a']);
  });

  test('starts nothing that its wait still brings', async () => {
    await start();
    (await nextExchange()).give([]);
    const wait = await nextWait();

    wait.answer(Buffer.from(message('a')));
    broker.tell('slowed');
    expect(wait.signal.aborted).toBe(true);

    const asked = await nextExchange();
    expect(settledBy(asked)).toEqual(['release a']);
    asked.give([], { limited: slowed });
    await turn();
    expect(handler.begun).toEqual([]);
  });

  test('asks again if that fails, and starts nothing meanwhile', async () => {
    await start({ concurrency: 1, prefetch: 2 });
    (await nextExchange()).give([message('a'), message('b')]);
    while (handler.begun.length < 1) await turn();
    broker.tell('slowed');
    (await nextExchange()).fail(new RedisUnavailableError('away'));
    handler.end('a');
    const again = await nextExchange();
    expect(settledBy(again)).toEqual(['release b', 'ack a']);
    expect(handler.begun).toEqual(['a']);
  });
});

describe('a consumer', () => {
  test('first asks for as many as it may hold, and runs what it gets', async () => {
    await start();
    const first = await nextExchange();
    expect([first.take, first.time, first.trial]).toEqual([2, 'keep', 'claimIfEmpty']);

    first.give([message('a'), message('b')]);
    while (handler.begun.length < 2) await turn();

    expect(handler.begun).toEqual(['a', 'b']);
    expect(consumer.running).toBe(2);
  });

  test('settles ended messages with the call that takes the next ones', async () => {
    await start();
    (await nextExchange()).give([message('a'), message('b')]);
    while (handler.begun.length < 2) await turn();

    handler.end('b');
    const second = await nextExchange();

    expect([settledBy(second), second.take]).toEqual([['ack b'], 1]);
  });

  test('waits if nothing was there, and looks for more after one message arrived', async () => {
    await start();
    (await nextExchange()).give([]);
    (await nextWait()).answer(Buffer.from(message('a')));

    const look = await nextExchange();

    expect(handler.begun).toEqual(['a']);
    expect(look.take).toBe(1);
  });

  test('sends the same settlements again if their outcome is unknown', async () => {
    await start();
    (await nextExchange()).give([message('a'), message('b')]);
    while (handler.begun.length < 2) await turn();
    handler.end('a');
    (await nextExchange()).fail(new RedisUnavailableError('away'));
    handler.end('b');

    const again = await nextExchange();

    expect(settledBy(again)).toEqual(['ack a', 'ack b']);
    again.give([]);
    while (!told.includes('recovered')) await turn();
    expect(told).toEqual(['failed', 'recovered']);
    expect(settled).toEqual(['ack a', 'ack b']);
  });

  test('drops what it held with its lease, tells its handlers, and goes on with the next lease', async () => {
    await start();
    (await nextExchange()).give([message('a'), message('b')]);
    while (handler.begun.length < 2) await turn();
    handler.end('a');

    (await nextExchange()).answer('leaseLost');
    while (broker.leases.length < 2) await turn();

    expect(handler.aborted).toEqual(['b LeaseLostError']);
    const first = await nextExchange();
    expect(told).toEqual(['lost 1', 'regained']);
    // A running handler keeps its place until it ends, and is not settled.
    expect([settledBy(first), first.take]).toEqual([[], 1]);
    first.give([]);
    handler.end('b');
    await nextWait();
    expect(broker.lease.exchanges.flatMap(settledBy)).toEqual([]);
  });

  test('takes nothing from a paused queue, and hands back what has not begun', async () => {
    await start({ concurrency: 1, prefetch: 2 });
    (await nextExchange()).give([message('a'), message('b')]);
    while (handler.begun.length < 1) await turn();

    broker.tell('paused');

    const exchange = await nextExchange();
    expect(settledBy(exchange)).toEqual(['release b']);
    exchange.give([], { isPaused: true });
    handler.end('a');
    (await nextExchange()).give([], { isPaused: true });
    for (let n = 0; n < 5; n += 1) await turn();
    expect(broker.lease.waits).toEqual([]);
  });

  test('claims no suspects of a paused queue, since giving up the right wakes all others', async () => {
    await start();
    (await nextExchange()).give([], { isPaused: true, suspects: 'free' });
    broker.tell('look');
    const paused = await nextExchange();
    expect(paused.trial).toBeUndefined();
    paused.give([], { suspects: 'free' });
    expect((await nextExchange()).trial).toBe('claim');
  });

  test('starts what it takes from a queue that is no longer paused, whatever else it hears meanwhile', async () => {
    await start();
    broker.tell('paused');
    (await nextExchange()).give([], { isPaused: true });
    broker.tell('look');
    const resumed = await nextExchange();

    broker.tell('look');
    resumed.give([message('a')]);
    while (handler.begun.length < 1) await turn();

    expect(settledBy(await nextExchange())).toEqual([]);
  });

  test('starts nothing that came with a reply from before a pause', async () => {
    await start();
    const first = await nextExchange();

    broker.tell('paused');
    first.give([message('a')]);

    expect(settledBy(await nextExchange())).toEqual(['release a']);
    expect(handler.begun).toEqual([]);
  });

  test('ends its wait when the queue is paused', async () => {
    await start();
    (await nextExchange()).give([]);
    const wait = await nextWait();

    broker.tell('paused');

    expect(wait.signal.aborted).toBe(true);
  });

  test('runs a suspect alone, once running handlers have ended', async () => {
    await start();
    (await nextExchange()).give([message('a')], { suspects: 'mine' });
    // A message that was taken at the same time goes back unchanged.
    const release = await nextExchange();
    expect([settledBy(release), release.trial, release.take]).toEqual([['release a'], 'next', 0]);

    release.give([message('s', ',"crashes":1,"attempt":2')], { suspects: 'mine' });
    while (handler.begun.length < 1) await turn();

    expect(handler.begun).toEqual(['s']);
    expect(broker.lease.exchanges).toEqual([]);
    handler.end('s');
    const after = await nextExchange();
    expect([settledBy(after), after.trial]).toEqual([['ack s'], 'next']);
    after.give([], { suspects: 'none' });
    expect((await nextExchange()).take).toBe(2);
    expect(told).toEqual(['trialBegan', 'trialEnded']);
  });

  test('looks again when it hears that something is due', async () => {
    await start();
    (await nextExchange()).give([]);
    await nextWait();

    broker.tell(broker.nowMs() + 10);

    expect((await nextExchange()).settlements).toEqual([]);
  });
});

describe('a consumer that stops', () => {
  test('settles what ends in time, and leaves', async () => {
    await start();
    (await nextExchange()).give([message('a')]);
    while (handler.begun.length < 1) await turn();
    const stopped = consumer.stop(60_000);
    handler.end('a');

    await answerAll();
    await stopped;

    expect([handler.aborted, told, broker.lease.hasLeft]).toEqual([[], [], true]);
  });

  test('gives up keeping the time as soon as it drains', async () => {
    await start();
    (await nextExchange()).give([]);
    (await nextWait()).answer(undefined);

    consumer.drain();

    const last = await nextExchange();
    expect([last.time, last.take]).toEqual(['yield', 0]);
  });

  test('hands back in order what still runs at its deadline, and tells the handlers', async () => {
    await start();
    (await nextExchange()).give([message('a'), message('b')]);
    while (handler.begun.length < 2) await turn();
    const stopped = consumer.stop(0);

    const yielding = await nextExchange();
    expect(yielding.time).toBe('yield');
    yielding.give([]);
    const last = await nextExchange();
    expect(settledBy(last)).toEqual(['release a', 'release b']);
    last.give([]);
    await stopped;

    expect(handler.aborted).toEqual(['a ShutdownError', 'b ShutdownError']);
    expect(told).toEqual(['handedBack 2']);
    expect(broker.lease.hasLeft).toBe(true);
  });

  test('starts nothing that arrived too late', async () => {
    await start();
    const first = await nextExchange();
    consumer.drain();

    first.give([message('a')]);

    expect(settledBy(await nextExchange())).toEqual(['release a']);
    expect(handler.begun).toEqual([]);
  });
});
