import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { Controller, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueBatchContext } from 'nestjs-redis-queue-transport';
import type { RedisQueueClient, RedisQueueContext } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

const tenant = new AsyncLocalStorage<string>();
let entered = 0;
/** The context that a delivery found when it entered its own. */
let before: (string | undefined)[] = [];
/** The context that each handler saw at its start, and after it had waited. */
let seen: [string | undefined, string | undefined][] = [];
/** The contexts that handlers saw which enter none. */
let elsewhere: (string | undefined)[] = [];
let client: RedisQueueClient;

beforeEach(() => {
  entered = 0;
  before = [];
  seen = [];
  elsewhere = [];
  client = rig.client();
});

function enter(): void {
  before.push(tenant.getStore());
  entered += 1;
  tenant.enterWith(`tenant ${entered}`);
}

/** The places where users set the tenant for what follows. */
type Place = 'guard' | 'pipe' | 'interceptor' | 'handler' | 'preRequest hook' | 'start hook';
const PLACES: readonly Place[] = [
  'guard',
  'pipe',
  'interceptor',
  'handler',
  'preRequest hook',
  'start hook',
];

const ENHANCERS: Partial<Record<Place, MethodDecorator>> = {
  guard: UseGuards({
    canActivate: () => {
      enter();
      return true;
    },
  }),
  pipe: UsePipes({
    transform: (value: unknown, { type }: { readonly type: string }) => {
      if (type === 'body') enter();
      return value;
    },
  }),
  interceptor: UseInterceptors({
    intercept: (_, next) => {
      enter();
      return next.handle();
    },
  }),
};

const KINDS = ['message', 'request', 'durable event', 'live event', 'batch'] as const;
type Kind = (typeof KINDS)[number];

async function work(place: Place): Promise<string> {
  if (place === 'handler') enter();
  const first = tenant.getStore();
  await nextTurn();
  await lastValueFrom(client.enqueue('plain', 1));
  await nextTurn();
  seen.push([first, tenant.getStore()]);
  return 'done';
}

function controllerOf(place: Place, concurrency: number): Type {
  @Controller()
  class TenantController {
    @MessagePattern('message', { concurrency })
    message(): Promise<string> {
      return work(place);
    }

    @MessagePattern('request', { concurrency })
    request(): Promise<string> {
      return work(place);
    }

    @EventPattern<string>('durable event', { group: 'tenants', concurrency })
    durable(): Promise<string> {
      return work(place);
    }

    @EventPattern<string>('live event')
    live(): Promise<string> {
      return work(place);
    }

    @MessagePattern('batch', { batch: { size: 2 } })
    async batch(@Payload() _: unknown[], @Ctx() { items }: RedisQueueBatchContext): Promise<void> {
      if (place === 'handler') enter();
      // A message that is settled at once makes room for the one that begins then.
      for (const item of items) item.done();
      await work(place === 'handler' ? 'guard' : place);
    }
  }
  const enhance = ENHANCERS[place];
  const { prototype } = TenantController;
  for (const name of ['message', 'request', 'durable', 'live', 'batch'] as const) {
    const method = Object.getOwnPropertyDescriptor(prototype, name)!;
    enhance?.(prototype, name, method);
  }
  return TenantController;
}

@Controller()
class PlainController {
  @MessagePattern('plain')
  plain(): void {
    elsewhere.push(tenant.getStore());
  }

  @EventPattern<string>('plain event')
  live(): void {
    elsewhere.push(tenant.getStore());
  }
}

async function serve(place: Place, concurrency: number): Promise<void> {
  const server = rig.strategy();
  if (place === 'start hook') {
    // Typed as returning nothing, a hook may still return a promise. The base class passes on what it got.
    const hook = (_: unknown, context: unknown, done: () => Promise<void>): unknown => {
      const { getPattern } = context as RedisQueueContext;
      if (!getPattern.call(context).startsWith('plain')) enter();
      return done();
    };
    server.setOnProcessingStartHook(hook);
  }
  const controllers = [controllerOf(place, concurrency), PlainController];
  const app = await rig.microservice({ controllers }, server);
  if (place === 'preRequest hook') {
    app.registerPreRequestHook((context, next) => {
      if (context.getClass() !== PlainController) enter();
      return next();
    });
  }
  await app.listen();
}

const SENDERS: Record<Kind, () => Promise<unknown>> = {
  message: () => lastValueFrom(client.enqueue('message', 1)),
  request: () => lastValueFrom(client.send('request', 1)),
  'durable event': () => lastValueFrom(client.emit('durable event', 1)),
  'live event': () => lastValueFrom(client.emit('live event', 1)),
  batch: () => lastValueFrom(client.enqueueMany('batch', [1, 2])),
};

const DELIVERIES = 20;

describe.each([1, 100])('with a concurrency of %i', (concurrency) => {
  describe.each(KINDS)('the async context of a %s', (kind) => {
    test.each(PLACES)('that is entered in its %s ends with it', async (place) => {
      await serve(place, concurrency);

      for (let sent = 0; sent < DELIVERIES; sent += 1) {
        const sending = SENDERS[kind]();
        if (sent % 2 === 0) await sending;
        await lastValueFrom(client.emit('plain event', 1));
      }

      // A batch of two is one delivery or two.
      await eventually(async () => {
        expect(seen.length).toBeGreaterThanOrEqual(DELIVERIES);
        expect(seen).toHaveLength(before.length);
        expect(elsewhere).toHaveLength(seen.length + DELIVERIES);
        expect(await rig.queue(kind).held()).toBe(0);
      });
      expect(before.filter((store) => store !== undefined)).toEqual([]);
      expect(elsewhere.filter((store) => store !== undefined)).toEqual([]);
      const names = seen.map(([first, later]) => (first === later ? later : `${first} ${later}`));
      expect(names.sort()).toEqual(Array.from(before, (_, i) => `tenant ${i + 1}`).sort());
    });
  });
});
