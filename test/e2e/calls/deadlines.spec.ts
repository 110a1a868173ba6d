import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { RequestTimeoutError } from 'nestjs-redis-queue-transport';
import { Subject, TimeoutError, lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import { timeout } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

const NO_HANDLER = 'There is no matching message handler defined in the remote service.';

/** Allows for replies to a client that has gone. Redis drops them by itself. */
const LATE_REPLIES = /:replies$/;

/** Returns "pong", and collects what it was asked. */
function pingController(asked: unknown[] = []): Type {
  @Controller()
  class PingController {
    @MessagePattern('ping')
    ping(data: unknown): string {
      asked.push(data);
      return 'pong';
    }
  }
  return PingController;
}

describe('a request to a pattern that nobody has ever served', () => {
  test('fails at once with the error of the stock transports, and leaves nothing behind', async () => {
    await rig.serve({ controllers: [pingController()] });
    const client = rig.client({ requestTimeoutMs: 60_000 });

    await expect(lastValueFrom(client.send('pong', {}))).rejects.toThrow(NO_HANDLER);

    expect(await rig.queue('pong').waiting()).toEqual([]);
    expect(await lastValueFrom(client.send('ping', {}))).toBe('pong');
  });

  test('fails even if Redis already holds messages for the pattern', async () => {
    const client = rig.client({ requestTimeoutMs: 60_000 });
    await lastValueFrom(client.enqueue('ping', 'for the first that comes'));

    await expect(lastValueFrom(client.send('ping', {}))).rejects.toThrow(NO_HANDLER);
  });

  test('works as soon as a server has started', async () => {
    const client = rig.client();
    await expect(lastValueFrom(client.send('ping', {}))).rejects.toThrow(NO_HANDLER);

    await rig.serve({ controllers: [pingController()] });

    expect(await lastValueFrom(client.send('ping', {}))).toBe('pong');
  });

  test('causes no further look-up once a server is known', async () => {
    await rig.serve({ controllers: [pingController()] });
    const client = rig.client();
    await lastValueFrom(client.send('ping', 1));
    await lastValueFrom(
      client.enqueue('ping', 'also adds the queue to the list, which costs only one look-up'),
    );
    await rig.commands.config('RESETSTAT');

    await lastValueFrom(client.send('ping', 2));

    expect(await rig.commands.info('commandstats')).not.toMatch(/cmdstat_hget:/);
  });
});

describe('a request whose servers are down', () => {
  test('waits, and is answered once one comes back', async () => {
    const app = await rig.serve({ controllers: [pingController()] });
    await app.close();
    const answer = lastValueFrom(rig.client().send('ping', {}));
    await eventually(async () => expect(await rig.queue('ping').waiting()).toHaveLength(1));

    await rig.serve({ controllers: [pingController()] });

    expect(await answer).toBe('pong');
  });

  test('fails at its deadline with the pattern, the time and the message', async () => {
    const app = await rig.serve({ controllers: [pingController()] });
    await app.close();

    const client = rig.client({ requestTimeoutMs: 100 });

    const { error, element } = await eventually(async () => {
      const reason: unknown = await lastValueFrom(client.send('ping', {})).catch(
        (thrown: unknown) => thrown,
      );
      // On a busy machine the time may be over before the request is sent.
      const waiting = await rig.queue('ping').waiting();
      expect(waiting).toHaveLength(1);
      return { error: reason, element: waiting[0] };
    });

    expect(error).toBeInstanceOf(RequestTimeoutError);
    expect(error).toMatchObject({ code: 'REQUEST_TIMEOUT', pattern: 'ping', timeoutMs: 100 });
    expect(element).toContain((error as RequestTimeoutError).messageId);
  });

  test('is not run if it comes too late, but counted', async () => {
    const asked: unknown[] = [];
    const app = await rig.serve({ controllers: [pingController(asked)] });
    await app.close();
    const client = rig.client({ requestTimeoutMs: 100 });
    await eventually(async () => {
      const answer = lastValueFrom(client.send('ping', 'late'));
      await expect(answer).rejects.toThrow(RequestTimeoutError);
      // On a busy machine the time may be over before the request is sent.
      expect(await rig.queue('ping').waiting()).toHaveLength(1);
    });

    await rig.serve({ controllers: [pingController(asked)] });
    expect(await lastValueFrom(rig.client().send('ping', 'in time'))).toBe('pong');

    expect(asked).toEqual(['in time']);
    await eventually(async () => expect(await rig.queue('ping').expired()).toBe(1));
    expect(rig.logs.matching('debug', /"ping": expired/)).toHaveLength(1);
  });

  test('is not sent if Redis answers only after the deadline', async () => {
    const asked: unknown[] = [];
    await rig.serve({ controllers: [pingController(asked)] });
    const client = rig.client({ requestTimeoutMs: 300 });
    await client.connect();

    rig.redis.pause();
    try {
      await expect(lastValueFrom(client.send('ping', 'late'))).rejects.toThrow(RequestTimeoutError);
    } finally {
      rig.redis.resume();
    }

    expect(await lastValueFrom(client.send('ping', 'in time'))).toBe('pong');
    expect(asked).toEqual(['in time']);
    expect(await rig.queue('ping').expired()).toBe(0);
  });
});

describe('a caller who stops listening', () => {
  /** A stream that the test feeds. */
  function feedController(values: Observable<number>): Type {
    @Controller()
    class FeedController {
      @MessagePattern('feed')
      feed(): Observable<number> {
        return values;
      }
    }
    return FeedController;
  }

  test('gets nothing more, and other callers get their replies', async () => {
    const values = new Subject<number>();
    await rig.serve({ controllers: [feedController(values), pingController()] });
    const client = rig.client();
    const heard: number[] = [];
    const first = new Gate();
    const subscription = client.send<number>('feed', {}).subscribe((value) => {
      heard.push(value);
      first.open();
    });
    await eventually(() => expect(values.observed).toBe(true));
    values.next(1);
    await first.opened;

    subscription.unsubscribe();
    values.next(2);
    values.complete();

    expect(await lastValueFrom(client.send('ping', {}))).toBe('pong');
    expect(heard).toEqual([1]);
  });

  test('gets the error of the rxjs operator that stopped it', async () => {
    const values = new Subject<number>();
    await rig.serve({ controllers: [feedController(values)] });

    const answer = lastValueFrom(rig.client().send('feed', {}).pipe(timeout(50)));

    await expect(answer).rejects.toThrow(TimeoutError);
    values.complete();
    rig.mayRemain(LATE_REPLIES);
  });

  test('before the request could be sent keeps it from being sent', async () => {
    const asked: unknown[] = [];
    await rig.serve({ controllers: [pingController(asked)] });
    const client = rig.client();
    await client.connect();

    rig.redis.pause();
    try {
      const given = lastValueFrom(client.send('ping', 'given up').pipe(timeout(50)));
      await expect(given).rejects.toThrow(TimeoutError);
    } finally {
      rig.redis.resume();
    }

    expect(await lastValueFrom(client.send('ping', 'wanted'))).toBe('pong');
    expect(asked).toEqual(['wanted']);
  });
});

describe('close()', () => {
  test('fails the waiting requests, and the client can be used again', async () => {
    const begun = new Gate();
    const release = new Gate();
    @Controller()
    class SlowController {
      @MessagePattern('slow')
      async slow(data: string): Promise<string> {
        begun.open();
        await release.opened;
        return data;
      }
    }
    await rig.serve({ controllers: [SlowController, pingController()] });
    const client = rig.client();
    const waiting = lastValueFrom(client.send('slow', 'first'));
    const refused = expect(waiting).rejects.toThrow('Connection closed');
    await begun.opened;

    await client.close();

    await refused;
    release.open();
    rig.mayRemain(LATE_REPLIES);
    expect(await lastValueFrom(client.send('ping', {}))).toBe('pong');
    expect(await lastValueFrom(client.send('slow', 'second'))).toBe('second');
    await client.close();
    await client.close();
  });

  test('fails a request that was not sent yet, holds everything else that was begun, and opens nothing again', async () => {
    await rig.serve({ controllers: [pingController()] });
    const client = rig.client();
    await client.connect();
    const before = await rig.connections();
    expect(before.filter((name) => name.startsWith('rq-commands'))).toHaveLength(2);

    const request = lastValueFrom(client.send('ping', {})).then(String, String);
    const begun = [client.enqueue('ping', {}), client.emit('ping', {})];
    await client.close();

    expect(await request).toMatch(/closed/);
    await Promise.all(begun);
    await eventually(async () => {
      const commands = (await rig.connections()).filter((name) => name.startsWith('rq-commands'));
      expect(commands).toHaveLength(1);
    });
  });

  test('ends a client that is still connecting', async () => {
    const client = rig.client();

    const connecting = expect(client.connect()).rejects.toThrow(/closed/);
    await client.close();

    await connecting;
  });
});
