import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { OpenRequests } from './requests.js';
import type { ReceivedReply } from '../message/reply.js';
import type { RequestTimes } from './requests.js';
import { FakeRuntime } from '../process/runtime.fake.js';

const TIMES: RequestTimes = { timeoutMs: 1_000, totalTimeoutMs: undefined };

function reply(request: number, last: boolean): ReceivedReply {
  const body = Buffer.from(last ? 'last' : 'next');
  return { request, kind: 'value', last, encoding: undefined, body };
}

describe('open requests', () => {
  let requests: OpenRequests;
  let runtime: FakeRuntime;
  let heard: string[];

  beforeEach(() => {
    runtime = new FakeRuntime();
    requests = new OpenRequests(runtime);
    heard = [];
  });

  afterEach(() => {
    expect(runtime.timers).toBe(0);
  });

  function open(name: string, times: RequestTimes = TIMES): number {
    return requests.open(
      ({ body }) => heard.push(`${name} ${body.toString()}`),
      (error) => heard.push(`${name} failed: ${String(error)}`),
      (phase) => (phase === 'first' ? 'too late' : `too late for the ${phase}`),
      times,
    );
  }

  test('hear their replies until the last one', () => {
    const request = open('a');
    requests.deliver(reply(request, false));
    requests.deliver(reply(request, true));
    requests.deliver(reply(request, true));
    expect(heard).toEqual(['a next', 'a last']);
    expect(requests.size).toBe(0);
  });

  test('have numbers of their own', () => {
    const [a, b] = [open('a'), open('b')];
    requests.deliver(reply(b, true));
    requests.deliver(reply(a, true));
    requests.deliver(reply(99, true));
    expect(heard).toEqual(['b last', 'a last']);
  });

  test('fail at their deadline, counted from their opening, and hear nothing afterwards', () => {
    const request = open('a');
    runtime.advance(999);
    expect(heard).toEqual([]);
    runtime.advance(1);
    requests.deliver(reply(request, true));
    expect(heard).toEqual(['a failed: too late']);
  });

  test('get their full time again with each reply', () => {
    const request = open('a');
    for (let n = 0; n < 3; n += 1) {
      runtime.advance(999);
      expect(requests.deliver(reply(request, false))).toBe(true);
    }
    expect(requests.streams).toEqual([request]);
    runtime.advance(999);
    expect(heard).toEqual(['a next', 'a next', 'a next']);
    runtime.advance(1);
    expect(heard.at(-1)).toBe('a failed: too late for the next');
    expect(requests.deliver(reply(request, false))).toBe(false);
  });

  test('fail when their total time is over, whatever arrives', () => {
    const request = open('a', { timeoutMs: 1_000, totalTimeoutMs: 1_500 });
    runtime.advance(900);
    requests.deliver(reply(request, false));
    runtime.advance(599);
    expect(heard).toEqual(['a next']);
    runtime.advance(1);
    expect(heard).toEqual(['a next', 'a failed: too late for the all']);
  });

  test('may have times of their own', () => {
    open('slow', { timeoutMs: 5_000, totalTimeoutMs: undefined });
    open('quick', { timeoutMs: 100, totalTimeoutMs: undefined });
    runtime.advance(100);
    expect(heard).toEqual(['quick failed: too late']);
    runtime.advance(4_900);
    expect(heard).toEqual(['quick failed: too late', 'slow failed: too late']);
  });

  test('fail each at its own deadline, even after older ones have ended', () => {
    const a = open('a');
    runtime.advance(400);
    open('b');
    runtime.advance(400);
    requests.deliver(reply(a, true));
    open('c');
    runtime.advance(599);
    expect(heard).toEqual(['a last']);
    runtime.advance(1);
    expect(heard).toEqual(['a last', 'b failed: too late']);
    runtime.advance(400);
    expect(heard).toEqual(['a last', 'b failed: too late', 'c failed: too late']);
  });

  test('are still known after many others have come and gone', () => {
    const first = open('first');
    for (let n = 0; n < 2_500; n += 1) requests.forget(open('between'));
    requests.deliver(reply(first, true));
    expect(heard).toEqual(['first last']);
  });

  test('fail once, however often they are told to', () => {
    const request = open('a');
    requests.fail(request, 'gone');
    requests.fail(request, 'gone');
    requests.failAll('closed');
    expect(heard).toEqual(['a failed: gone']);
  });

  test('fail all together, even if a failure opens another one', () => {
    open('a');
    requests.open(
      () => undefined,
      () => open('c'),
      () => 'too late',
      TIMES,
    );
    requests.failAll('closed');
    expect(heard).toEqual(['a failed: closed']);
    expect(requests.size).toBe(1);
    requests.failAll('closed');
    expect(heard).toEqual(['a failed: closed', 'c failed: closed']);
  });

  test('that are forgotten hear nothing', () => {
    const request = open('a');
    requests.forget(request);
    requests.forget(request);
    requests.deliver(reply(request, true));
    requests.fail(request, 'gone');
    expect(heard).toEqual([]);
  });
});
