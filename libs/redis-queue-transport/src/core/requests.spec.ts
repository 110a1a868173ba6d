import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { OpenRequests } from './requests.js';
import type { Reply } from './reply.js';

function reply(request: number, last: boolean): Reply & { readonly body: Buffer } {
  return { request, kind: 'value', last, body: Buffer.from(last ? 'last' : 'next') };
}

describe('open requests', () => {
  let requests: OpenRequests;
  let heard: string[];

  beforeEach(() => {
    jest.useFakeTimers();
    requests = new OpenRequests();
    heard = [];
  });

  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  function open(name: string, timeoutMs = 1_000): number {
    return requests.open(
      timeoutMs,
      ({ body }) => heard.push(`${name} ${body.toString()}`),
      (error) => heard.push(`${name} failed: ${String(error)}`),
      () => 'too late',
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

  test('fail at their deadline, counted from when they were opened, and hear nothing afterwards', () => {
    const request = open('a', 50);
    jest.advanceTimersByTime(49);
    requests.deliver(reply(request, false));
    expect(heard).toEqual(['a next']);
    jest.advanceTimersByTime(1);
    requests.deliver(reply(request, true));
    expect(heard).toEqual(['a next', 'a failed: too late']);
  });

  test('fail once, however often it is said', () => {
    const request = open('a');
    requests.fail(request, 'gone');
    requests.fail(request, 'gone');
    requests.failAll('closed');
    expect(heard).toEqual(['a failed: gone']);
  });

  test('fail all together, also when a failure opens another one', () => {
    open('a');
    requests.open(
      1_000,
      () => undefined,
      () => open('c'),
      () => 'too late',
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
