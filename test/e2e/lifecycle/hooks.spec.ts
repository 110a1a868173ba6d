import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { REDIS_QUEUE_TRANSPORT, RedisQueueContext } from 'nestjs-redis-queue-transport';
import type { RedisQueueServer } from 'nestjs-redis-queue-transport';
import { EMPTY, NEVER, concat, lastValueFrom, of, throwError, timer } from 'rxjs';
import { map } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

let trace: string[] = [];
const current = new AsyncLocalStorage<string>();
const rejections: unknown[] = [];
const onRejection = (reason: unknown): void => void rejections.push(reason);

beforeEach(() => {
  trace = [];
  rejections.length = 0;
  process.on('unhandledRejection', onRejection);
});

afterEach(() => {
  process.off('unhandledRejection', onRejection);
  expect(rejections).toEqual([]);
});

const answers: Record<string, () => unknown> = {
  value: () => 'value',
  promise: () => Promise.resolve('promise'),
  observable: () => concat(of('first'), timer(5).pipe(map(() => 'last'))),
  empty: () => EMPTY,
  throws: () => {
    throw new RpcException('thrown');
  },
  errors: () =>
    concat(
      of('first'),
      throwError(() => new RpcException('error')),
    ),
};

@Controller()
class AnswerController {
  @MessagePattern('answer')
  answer(@Payload() kind: string): unknown {
    trace.push(`handler in ${current.getStore() ?? 'nothing'}`);
    return answers[kind]?.();
  }

  @EventPattern<string>('happened')
  onHappened(@Payload() kind: string): unknown {
    trace.push(`handler in ${current.getStore() ?? 'nothing'}`);
    return answers[kind]?.();
  }
}

async function serveTraced(prepare: (server: RedisQueueServer) => void): Promise<void> {
  const server = rig.strategy({ retry: { attempts: 1 } });
  prepare(server);
  const app = await rig.microservice({ controllers: [AnswerController] }, server);
  await app.listen();
}

type StartHook = Parameters<RedisQueueServer['setOnProcessingStartHook']>[0];

/** Typed as returning nothing, a hook may still return a promise. The base class passes on what it got. */
function startHook(hook: (...args: Parameters<StartHook>) => unknown): StartHook {
  return hook;
}

function traceHooks(server: RedisQueueServer): void {
  const nameOf = (transportId: unknown, context: unknown): string =>
    transportId === REDIS_QUEUE_TRANSPORT && context instanceof RedisQueueContext
      ? context.getPattern()
      : 'of a stranger';
  const begin = startHook((transportId, context, done) => {
    trace.push(`start ${nameOf(transportId, context)}`);
    return current.run('a span', done);
  });
  server.setOnProcessingStartHook(begin);
  server.setOnProcessingEndHook((transportId, context) => {
    trace.push(`end ${nameOf(transportId, context)}`);
  });
}

describe('the processing hooks', () => {
  test.each(Object.keys(answers))(
    'run once around a request that is answered by: %s',
    async (kind) => {
      await serveTraced(traceHooks);

      await lastValueFrom(rig.client().send('answer', kind), { defaultValue: undefined }).catch(
        () => undefined,
      );

      const expected = ['start answer', 'handler in a span', 'end answer'];
      await eventually(() => expect(trace).toEqual(expected));
    },
  );

  test.each(Object.keys(answers))(
    'run once around an enqueued message that ends by: %s',
    async (kind) => {
      await serveTraced(traceHooks);

      await lastValueFrom(rig.client().enqueue('answer', kind));

      const expected = ['start answer', 'handler in a span', 'end answer'];
      await eventually(() => expect(trace).toEqual(expected));
      await eventually(async () => expect(await rig.queue('answer').held()).toBe(0));
    },
  );

  test.each(Object.keys(answers))(
    'run once around the handler of an event that ends by: %s',
    async (kind) => {
      await serveTraced(traceHooks);

      await lastValueFrom(rig.client().emit('happened', kind));

      const expected = ['start happened', 'handler in a span', 'end happened'];
      await eventually(() => expect(trace).toEqual(expected));
    },
  );

  test('may begin the handler later, and need not return its answer', async () => {
    await serveTraced((server) => {
      server.setOnProcessingStartHook((_transportId, _context, done) => {
        trace.push('start');
        setImmediate(() => void done());
      });
    });
    const client = rig.client();

    expect(await lastValueFrom(client.send('answer', 'promise'))).toBe('promise');
    await expect(lastValueFrom(client.send('answer', 'throws'))).rejects.toMatchObject({
      message: 'thrown',
    });
    await lastValueFrom(client.enqueue('answer', 'throws'));

    await eventually(async () => expect(await rig.queue('answer').dead()).toHaveLength(1));
    expect(trace).toEqual(Array.from({ length: 3 }, () => ['start', 'handler in nothing']).flat());
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('no span');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no span'))],
  ])('fail the message if the start hook %s', async (_, hook) => {
    await serveTraced((server) => server.setOnProcessingStartHook(startHook(hook)));
    const client = rig.client();

    await expect(lastValueFrom(client.send('answer', 'value'))).rejects.toMatchObject({
      message: 'no span',
    });
    await lastValueFrom(client.enqueue('answer', 'value'));

    await eventually(async () => {
      const letters = await rig.queue('answer').dead();
      expect(letters.map(({ dead }) => dead.error.message)).toEqual(['no span']);
    });
    expect(trace).toEqual([]);
  });

  test.each([
    ['returns what was given', true],
    ['returns nothing', false],
  ])(
    'leave the message settled if the end hook throws and the start hook %s',
    async (_, returns) => {
      await serveTraced((server) => {
        const begin = startHook((_transportId, _context, done) => {
          const end = done();
          return returns ? end : undefined;
        });
        server.setOnProcessingStartHook(begin);
        server.setOnProcessingEndHook(() => {
          throw new Error('no end');
        });
      });
      const client = rig.client();

      expect(await lastValueFrom(client.send('answer', 'value'))).toBe('value');
      await lastValueFrom(client.enqueue('answer', 'value'));
      await lastValueFrom(client.emit('happened', 'value'));

      await eventually(() => expect(trace).toHaveLength(3));
      await eventually(async () => expect(await rig.queue('answer').held()).toBe(0));
      expect(await rig.queue('answer').dead()).toEqual([]);
    },
  );

  test('are waited for no longer than shutdownTimeoutMs if one never lets the handler begin', async () => {
    const server = rig.strategy({ shutdownTimeoutMs: 50 });
    let starts = 0;
    const never = startHook(() => {
      starts += 1;
      return lastValueFrom(NEVER);
    });
    server.setOnProcessingStartHook(never);
    const app = await rig.microservice({ controllers: [AnswerController] }, server);
    await app.listen();
    await lastValueFrom(rig.client().enqueue('answer', 'value'));
    await eventually(() => expect(starts).toBe(1));

    await app.close();

    expect(await rig.queue('answer').waiting()).toHaveLength(1);
    expect(trace).toEqual([]);
  });
});

describe('the dispatch hook of a client', () => {
  test('attaches metadata that the context shows, for all three verbs', async () => {
    const seen: unknown[] = [];
    @Controller()
    class MetadataController {
      @MessagePattern('answer')
      answer(@Ctx() context: RedisQueueContext): string {
        seen.push(context.getMetadata());
        return 'answered';
      }

      @EventPattern<string>('happened')
      onHappened(@Ctx() context: RedisQueueContext): void {
        seen.push(context.getMetadata());
      }
    }
    await rig.serve({ controllers: [MetadataController] });
    const client = rig.client();
    const dispatched: unknown[] = [];
    client.setOnDispatchHook((packet) => {
      dispatched.push([packet.pattern, packet.data]);
      packet.metadata = { traceparent: `00-${dispatched.length}-ü\n` };
    });

    expect(await lastValueFrom(client.send('answer', 1))).toBe('answered');
    await lastValueFrom(client.enqueue('answer', 2));
    await eventually(() => expect(seen).toHaveLength(2));
    await lastValueFrom(client.emit('happened', 3));

    await eventually(() =>
      expect(seen).toEqual([
        { traceparent: '00-1-ü\n' },
        { traceparent: '00-2-ü\n' },
        { traceparent: '00-3-ü\n' },
      ]),
    );
    expect(dispatched).toEqual([
      ['answer', 1],
      ['answer', 2],
      ['happened', 3],
    ]);
  });

  test('without a hook there is no metadata', async () => {
    const seen: unknown[] = [];
    @Controller()
    class MetadataController {
      @MessagePattern('answer')
      answer(@Ctx() context: RedisQueueContext): string {
        seen.push(context.getMetadata());
        return 'answered';
      }
    }
    await rig.serve({ controllers: [MetadataController] });

    await lastValueFrom(rig.client().send('answer', 1));

    expect(seen).toEqual([undefined]);
  });

  test('that throws makes the call fail', async () => {
    await rig.serve({ controllers: [AnswerController] });
    const client = rig.client();
    client.setOnDispatchHook(() => {
      throw new Error('no trace');
    });

    for (const call of [
      client.send('answer', 1),
      client.enqueue('answer', 1),
      client.emit('happened', 1),
    ]) {
      await expect(lastValueFrom(call)).rejects.toThrow('no trace');
    }
  });
});
