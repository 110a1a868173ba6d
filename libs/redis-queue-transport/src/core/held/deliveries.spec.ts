import { beforeEach, describe, expect, test } from '@jest/globals';
import { FakeBroker } from '../consumer/broker.fake.js';
import { Deliveries } from './deliveries.js';
import { DeliveryRunner } from '../delivery/delivery-runner.js';
import { FakeHandler } from '../delivery/handler.fake.js';
import { Held } from './held.js';
import { FakeLease } from '../broker/lease.fake.js';
import type { HandlerEnd, RedisQueueObserver } from '../lifecycle/observer.js';
import { MessageIds } from '../message/message-id.js';
import { Tenure } from '../lease/tenure.js';
import { FakeRuntime } from '../process/runtime.fake.js';
import type { LeaseKeeperEvents } from '../lease/lease-keeper.js';

const OPTIONS = { queue: 'q', concurrency: 2, prefetch: 4, maxCrashes: 3, onceMs: undefined };
const RETRY = { attempts: 2, backoff: 'fixed', delayMs: 70, maxDelayMs: 70 } as const;

let broker: FakeBroker;
let handler: FakeHandler;
let lease: FakeLease;
let tenure: Tenure;
let held: Held;
let deliveries: Deliveries;
let told: string[];
let ended: string[];
let mayStart: boolean;
let isOpen: boolean;
let runtime: FakeRuntime;

beforeEach(() => {
  [broker, handler, lease] = [new FakeBroker(), new FakeHandler(), new FakeLease()];
  [told, ended, mayStart, isOpen] = [[], [], true, true];
  runtime = new FakeRuntime();
  const events: LeaseKeeperEvents = {
    lost: () => undefined,
    reclaimed: () => undefined,
    deadLettersDropped: () => undefined,
    failed: () => undefined,
  };
  tenure = new Tenure(lease, 30_000, 0, events, runtime);
  open({});
});

function open(options: { readonly onceMs?: number }, further: RedisQueueObserver = {}): void {
  const all = { ...OPTIONS, ...options };
  held = new Held(all, undefined);
  const runner = new DeliveryRunner(handler, { retry: RETRY }, runtime);
  const gate = { mayStart: () => isOpen, began: () => undefined, opened: () => turn() };
  const owner = {
    get mayStart() {
      return mayStart;
    },
    slowDown: () => told.push('slowDown'),
    gate,
    stopped: new AbortController().signal,
    changed: () => undefined,
    failed: () => told.push('failed'),
  };
  const observer: RedisQueueObserver = {
    retried: () => told.push('retried'),
    postponed: () => told.push('postponed'),
    deadLettered: (_, { reason }) => told.push(`dead ${reason}`),
    skipped: (_, why) => told.push(`skipped ${why}`),
    ...further,
  };
  const breaker = { ended: (_: unknown, { kind }: { kind: string }) => void ended.push(kind) };
  const about = [held, broker, all, new MessageIds(runtime), runner, observer, owner] as const;
  deliveries = new Deliveries(...about, breaker, runtime);
}

const turn = (): Promise<void> => new Promise(setImmediate);

function take(...ids: string[]): void {
  held.add(ids.map((id) => Buffer.from(`{"rq":1,"id":"${id}"}\n{}`)));
  deliveries.beginStep();
  deliveries.startReady(tenure);
}

function takeElement(element: string): void {
  held.add([Buffer.from(element)]);
  deliveries.beginStep();
  deliveries.startReady(tenure);
}

function settled(): string[] {
  return held
    .takeSettlements()
    .map(({ kind, element }) => `${kind} ${/"id":"(\w+)"/.exec(element.toString())?.[1] ?? ''}`);
}

describe('a delivery', () => {
  test('is settled as its handler ended, and the next one takes its place', async () => {
    take('a', 'b', 'c');
    expect(handler.begun).toEqual(['a', 'b']);

    handler.end('b', { kind: 'failed', error: new Error('no') });
    await turn();

    expect([settled(), told, ended]).toEqual([['retry b'], ['retried'], ['retry']]);
    expect(handler.begun).toEqual(['a', 'b', 'c']);
  });

  test.each([
    ['cannot be read', '', ['dead undecodable'], ['deadLetter ']],
    ['crashed too often', '{"rq":1,"crashes":3,"id":"x"}\n{}', ['dead crashed'], ['deadLetter x']],
    ['expired', '{"rq":1,"id":"x","expiresAt":1}\n{}', ['skipped expired'], ['skip x']],
  ])('that %s is settled without its handler', (_, element, telling, settlements) => {
    takeElement(element);
    expect([handler.begun, told, settled()]).toEqual([[], telling, settlements]);
  });

  test('that expired is refused if its caller still waits', () => {
    takeElement('{"rq":1,"id":"x","expiresAt":1,"replyTo":"replies","re":1,"waitMs":9000}\n{}');
    takeElement('{"rq":1,"id":"y","expiresAt":1,"replyTo":"replies","re":1}\n{}');

    expect(told).toEqual(['skipped expired', 'skipped expired']);
    expect(handler.refused).toEqual(['x NotHandledError']);
  });

  test('begins only while the gate is open and its consumer lets it', () => {
    isOpen = false;
    take('a');
    expect(handler.begun).toEqual([]);
    [isOpen, mayStart] = [true, false];
    deliveries.startReady(tenure);
    expect(handler.begun).toEqual([]);
    mayStart = true;
    deliveries.startReady(tenure);
    expect(handler.begun).toEqual(['a']);
  });

  test('tells its consumer that its handler has slowed the queue down, before the next begins', async () => {
    take('a', 'b', 'c');
    handler.end('a', { kind: 'retryLater', delayMs: 5, slowsQueue: true });
    handler.end('b', { kind: 'retryLater', delayMs: 5, slowsKey: true });
    mayStart = false;
    await turn();

    expect(told).toEqual(['postponed', 'slowDown', 'postponed']);
    expect(handler.begun).toEqual(['a', 'b']);
  });

  test('counts for nothing when its handler ends after the tenure', async () => {
    take('a');
    tenure.end();
    expect(deliveries.lose(tenure)).toBe(1);
    handler.end('a');
    await turn();

    expect([settled(), told, ended, held.running]).toEqual([[], [], [], 0]);
    expect(handler.aborted).toEqual(['a LeaseLostError']);
  });

  test('goes back in order if it has not begun, or has not ended in time', () => {
    take('a', 'b', 'c', 'd');

    deliveries.releaseUnstarted();
    expect(settled()).toEqual(['release c', 'release d']);
    expect(deliveries.releaseUnfinished()).toBe(2);

    expect(settled()).toEqual(['release a', 'release b']);
    expect(handler.aborted).toEqual(['a ShutdownError', 'b ShutdownError']);
  });
});

describe('a delivery of a handler that runs once for each id', () => {
  beforeEach(() => open({ onceMs: 60_000 }));

  test('begins when Redis says that its id is new, and is settled with the id', async () => {
    take('a');
    expect(handler.begun).toEqual([]);
    lease.questions[0]!.answer(false);
    await turn();
    handler.end('a');
    await turn();

    expect(handler.begun).toEqual(['a']);
    expect(held.takeSettlements()).toMatchObject([{ kind: 'ack', onceId: 'a' }]);
  });

  test('is skipped when its id was handled', async () => {
    take('a');
    lease.questions[0]!.answer(true);
    await turn();

    expect([handler.begun, told, settled()]).toEqual([[], ['skipped repeated'], ['skip a']]);
  });

  test('goes back when its consumer may start nothing meanwhile', async () => {
    take('a');
    mayStart = false;
    lease.questions[0]!.answer(false);
    await turn();

    expect([handler.begun, settled()]).toEqual([[], ['release a']]);
  });

  test('is forgotten when its lease is lost meanwhile', async () => {
    take('a');
    tenure.end();
    deliveries.lose(tenure);
    lease.questions[0]!.answer(false);
    await turn();

    expect([handler.begun, settled(), held.running]).toEqual([[], [], 0]);
  });
});

describe('a delivery whose body is parked', () => {
  const PARKED = '{"rq":1,"parked":"p1","id":"a"}\n';

  test('begins with its body, which goes with it', async () => {
    takeElement(PARKED);
    await turn();
    lease.bodies[0]!.answer(Buffer.from('{}'));
    await turn();
    handler.end('a');
    await turn();

    expect(held.takeSettlements()).toMatchObject([{ kind: 'ack', isParked: true }]);
  });

  test('is dead-lettered when there is none', async () => {
    takeElement(PARKED);
    await turn();
    lease.bodies[0]!.answer(undefined);
    await turn();

    expect([handler.begun, told, settled()]).toEqual([[], ['dead undecodable'], ['deadLetter a']]);
  });
});

describe('an observer of deliveries', () => {
  const ends: HandlerEnd[] = [];

  beforeEach(() => {
    ends.length = 0;
    open(
      {},
      {
        began: ({ id }) => told.push(`began ${id}`),
        ended: ({ id }, end) => {
          told.push(`ended ${id} ${end.outcome}`);
          ends.push(end);
        },
        settled: ({ id }, as) => told.push(`settled ${id} ${as}`),
      },
    );
  });

  test('is told when a handler begins and ends, and when Redis has settled the message', async () => {
    take('a');
    handler.end('a');
    await turn();
    deliveries.settled(held.takeSettlements());

    expect(told).toEqual(['began a', 'ended a ack', 'settled a ack']);
    expect(ends).toEqual([
      { outcome: 'ack', error: undefined, durationMs: expect.any(Number), counts: true },
    ]);
  });

  test("is told a handler's error", async () => {
    const error = new Error('no');
    take('a');
    handler.end('a', { kind: 'failed', error });
    await turn();

    expect(told).toEqual(['began a', 'ended a retry', 'retried']);
    expect(ends).toMatchObject([{ error }]);
  });

  test('is told that an end which came too late does not count', async () => {
    take('a');
    tenure.end();
    deliveries.lose(tenure);
    handler.end('a');
    await turn();

    expect(ends).toMatchObject([{ outcome: 'ack', counts: false }]);
  });

  test('hears of no end if the handler never began', () => {
    takeElement('{"rq":1,"id":"x","expiresAt":1}\n{}');
    deliveries.settled(held.takeSettlements());

    expect(told).toEqual(['skipped expired', 'settled x skip']);
  });

  test('causes no reading of the clock if it does not want to know how long handlers take', async () => {
    open({}, { began: () => told.push('began') });
    let reads = 0;
    runtime.now = () => (reads += 1);
    take('a');
    handler.end('a');
    await turn();

    expect([told, reads]).toEqual([['began'], 0]);
  });
});
