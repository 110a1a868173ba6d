import { describe, expect, test } from '@jest/globals';
import { QueueFullError, RedisUnavailableError } from '../errors/call-errors.js';
import { FakeRuntime } from '../process/runtime.fake.js';
import { SendBudget } from './send-budget.js';
import { WaitForRoom } from './wait-for-room.js';

/** A queue that has room only when the test says so, and a sender that waits for it. */
class FullQueue {
  readonly runtime = new FakeRuntime();
  readonly budget = new SendBudget(5, 1_000);
  readonly held: string[] = [];
  readonly ends: string[] = [];
  looks = 0;
  room = 0;
  failure: Error | undefined;
  readonly waiting = new WaitForRoom({
    runtime: this.runtime,
    budget: this.budget,
    length: async () => {
      this.looks += 1;
      if (this.failure !== undefined) throw this.failure;
      return { length: 10 - this.room, maxLength: 10 };
    },
  });

  /** Sends a message that waits for so long. How it ends stands in `ends`. */
  send(id: string, waitMs = 60_000): void {
    const push = async (): Promise<string> => {
      const full = this.budget.take(1);
      if (full !== undefined) throw full;
      this.budget.give(1);
      if (this.room === 0) throw new QueueFullError('work', 10, 10);
      this.room -= 1;
      this.held.push(id);
      return id;
    };
    this.waiting.run('work', 1, waitMs, push).then(
      () => this.ends.push(`${id} sent`),
      (error: Error) => this.ends.push(`${id} ${error.name}`),
    );
  }

  async pass(ms: number): Promise<void> {
    await settled();
    this.runtime.advance(ms);
    await settled();
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

describe('a message for a full queue', () => {
  test('is sent once there is room', async () => {
    const queue = new FullQueue();
    queue.send('a');
    await queue.pass(100);
    expect(queue.ends).toEqual([]);
    queue.room = 1;
    await queue.pass(1_000);
    expect(queue.ends).toEqual(['a sent']);
    expect(queue.waiting.isBusy).toBe(false);
    expect(queue.runtime.timers).toBe(0);
  });

  test('fails when its time is over, and not before', async () => {
    const queue = new FullQueue();
    queue.send('long', 5_000);
    queue.send('short', 300);
    for (let ms = 0; ms < 290; ms += 10) await queue.pass(10);
    expect(queue.ends).toEqual([]);
    await queue.pass(10);
    expect(queue.ends).toEqual(['short QueueFullError']);
    for (let ms = 0; ms < 4_700; ms += 100) await queue.pass(100);
    expect(queue.ends).toEqual(['short QueueFullError', 'long QueueFullError']);
    expect(queue.budget.take(1)).toBeUndefined();
  });

  test('keeps its place among those that wait, also behind room that was too small', async () => {
    const queue = new FullQueue();
    for (const id of ['a', 'b', 'c']) queue.send(id);
    await settled();
    queue.room = 1;
    queue.send('d');
    await queue.pass(10);
    expect(queue.held).toEqual(['a']);
    queue.room = 9;
    await queue.pass(1_000);
    expect(queue.held).toEqual(['a', 'b', 'c', 'd']);
  });

  test('asks ever more rarely, up to once a second, and soon again after it found room', async () => {
    const queue = new FullQueue();
    queue.send('a', 600_000);
    for (let ms = 0; ms < 60_000; ms += 10) {
      queue.runtime.advance(10);
      if (ms < 3_000 || ms % 1_000 === 0) await settled();
    }
    expect(queue.looks).toBeGreaterThan(40);
    expect(queue.looks).toBeLessThan(70);
  });

  test('counts as a message that waits for Redis: no more wait than the sender may have', async () => {
    const queue = new FullQueue();
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) queue.send(id);
    await settled();
    expect(queue.ends).toEqual(['f SenderFullError']);
  });

  test('says what was in the way last', async () => {
    const queue = new FullQueue();
    queue.send('a', 500);
    queue.failure = new RedisUnavailableError('away');
    for (let ms = 0; ms < 600; ms += 100) await queue.pass(100);
    expect(queue.ends).toEqual(['a RedisUnavailableError']);
  });

  test('is given up when the sender stops', async () => {
    const queue = new FullQueue();
    queue.send('a');
    await settled();
    queue.waiting.stop();
    await settled();
    expect(queue.ends).toEqual(['a QueueFullError']);
    expect(queue.waiting.isBusy).toBe(false);
  });
});
