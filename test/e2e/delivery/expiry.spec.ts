import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  InvalidOptionError,
  RedisQueueAdmin,
  RedisQueueRecordBuilder,
  RequestTimeoutError,
} from 'nestjs-redis-queue-transport';
import type { RedisQueueClient, RedisQueueRecord } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from './controller.js';

const rig = nestRig();

let admin: RedisQueueAdmin;

beforeEach(() => {
  admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
});

const expiring = (data: unknown, expiresInMs: number): RedisQueueRecord =>
  new RedisQueueRecordBuilder(data).expiresIn(expiresInMs).build();

async function serveAndKeep(): Promise<unknown[]> {
  const handled: unknown[] = [];
  const controller = controllerOf('work', (data) => {
    handled.push(data);
    return data;
  });
  await rig.serve({ controllers: [controller] });
  return handled;
}

/** Resolves when the last message that waits or is delayed was sent at least this long ago. */
async function grownOlderThan(ms: number): Promise<void> {
  await eventually(async () => {
    const [seconds, microseconds] = await rig.commands.time();
    const nowMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    const messages = [...(await admin.peek('work')), ...(await admin.delayed('work'))];
    expect(nowMs - messages.at(-1)!.sentAt!.getTime()).toBeGreaterThan(ms);
  });
}

async function expectExpired(count: number): Promise<void> {
  await eventually(async () => {
    expect(await admin.lengths('work')).toMatchObject({
      waiting: 0,
      processing: 0,
      delayed: 0,
      dead: 0,
      expired: count,
    });
  });
}

describe('an enqueued message', () => {
  test('that nobody took in time is not run, but counted', async () => {
    const client = rig.client();
    await lastValueFrom(client.enqueue('work', expiring('short', 30)));
    await lastValueFrom(client.enqueue('work', expiring('long', 60_000)));
    await lastValueFrom(client.enqueue('work', 'for ever'));
    await grownOlderThan(31);

    const handled = await serveAndKeep();

    await eventually(() => expect(handled).toEqual(['long', 'for ever']));
    await expectExpired(1);
    expect(rig.logs.matching('debug', /"work": expired/)).toHaveLength(1);
  });

  test('that a consumer takes in time is run, even if it ends later', async () => {
    const gate = new Gate();
    const ended: unknown[] = [];
    const controller = controllerOf('work', async (data) => {
      await gate.opened;
      ended.push(data);
    });
    await rig.serve({ controllers: [controller] });

    const { id } = await lastValueFrom(rig.client().enqueue('work', expiring('x', 100)));
    await eventually(async () => expect((await admin.lengths('work')).processing).toBe(1));
    const sentMs = Date.now();
    await eventually(() => expect(Date.now() - sentMs).toBeGreaterThan(110));
    gate.open();

    await eventually(() => expect(ended).toEqual(['x']));
    await expectExpired(0);
    expect(rig.logs.matching('debug', new RegExp(id))).toEqual([]);
  });

  test('that is delayed for longer than it lives is not run', async () => {
    const handled = await serveAndKeep();
    const record = new RedisQueueRecordBuilder('x').delay(80).expiresIn(40).build();

    await lastValueFrom(rig.client().enqueue('work', record));

    await expectExpired(1);
    expect(handled).toEqual([]);
  });

  test('whose time is over between two attempts is not run again', async () => {
    let runs = 0;
    const controller = controllerOf('work', () => {
      runs += 1;
      throw new Error('always');
    });
    const retry = { backoff: 'fixed', delayMs: 1_500 } as const;
    await rig.serve({ controllers: [controller] }, { retry });

    await lastValueFrom(rig.client().enqueue('work', expiring('x', 1_000)));

    await expectExpired(1);
    expect(runs).toBe(1);
  });

  test('keeps its expiry when several consumers find it waiting', async () => {
    const client = rig.client();
    for (let n = 0; n < 50; n += 1) {
      const record = n % 2 === 0 ? expiring(n, 30) : n;
      await lastValueFrom(client.enqueue('work', record));
    }
    await grownOlderThan(31);

    const lists = await Promise.all([serveAndKeep(), serveAndKeep(), serveAndKeep()]);

    await expectExpired(25);
    expect(lists.flat().every((n) => Number(n) % 2 === 1)).toBe(true);
    expect(lists.flat()).toHaveLength(25);
  });
});

describe('a request', () => {
  /** So that requests are sent although nobody serves them. */
  async function haveServed(): Promise<void> {
    const app = await rig.serve({ controllers: [controllerOf('work', () => undefined)] });
    await app.close();
  }

  /** On a busy machine the time may be over before the request is sent. Then the test asks again. */
  async function timesOutHeld(client: RedisQueueClient, data: unknown): Promise<void> {
    await eventually(async () => {
      await expect(lastValueFrom(client.send('work', data))).rejects.toThrow(RequestTimeoutError);
      expect((await admin.lengths('work')).waiting).toBe(1);
    });
  }

  test('whose caller gave up is not run, but counted', async () => {
    await haveServed();
    const client = rig.client({ requestTimeoutMs: 50 });
    await timesOutHeld(client, 'late');

    const handled = await serveAndKeep();

    await expectExpired(1);
    expect(handled).toEqual([]);
  });

  test('that expires before its caller gives up is not run either', async () => {
    await haveServed();
    const client = rig.client({ requestTimeoutMs: 400 });
    await client.connect(); // it may take longer
    const answer = lastValueFrom(client.send('work', expiring('short', 30)));
    const refused = expect(answer).rejects.toThrow(RequestTimeoutError);
    await eventually(async () => expect((await admin.lengths('work')).waiting).toBe(1));
    await grownOlderThan(31);

    const handled = await serveAndKeep();

    await expectExpired(1);
    await refused;
    expect(handled).toEqual([]);
  });

  test('lives no longer than its caller waits, no matter what its record says', async () => {
    await haveServed();
    const client = rig.client({ requestTimeoutMs: 50 });
    await timesOutHeld(client, expiring('late', 60_000));

    const handled = await serveAndKeep();

    await expectExpired(1);
    expect(handled).toEqual([]);
  });

  test('in time is answered', async () => {
    await serveAndKeep();

    expect(await lastValueFrom(rig.client().send('work', expiring('x', 60_000)))).toBe('x');
  });
});

test.each([0, -1, 1.5, NaN, Infinity])('expiresIn refuses %p', (ms) => {
  const build = (): unknown => new RedisQueueRecordBuilder({}).expiresIn(ms);
  expect(build).toThrow(InvalidOptionError);
  expect(build).toThrow(/^expiresIn must be a whole number of milliseconds ≥ 1, got /);
});
