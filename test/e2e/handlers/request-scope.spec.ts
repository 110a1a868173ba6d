import { describe, expect, test } from '@jest/globals';
import { Controller, Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import type { RequestContext } from '@nestjs/microservices';
import { RedisQueueContext, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

let instances = 0;

@Injectable({ scope: Scope.REQUEST })
class Tenant {
  readonly number = ++instances;

  constructor(
    @Inject(REQUEST) private readonly request: RequestContext<unknown, RedisQueueContext>,
  ) {}

  describe(): string {
    const context = this.request.getContext();
    return `${JSON.stringify(this.request.pattern)} for ${context.getHeaders()['tenant'] ?? 'nobody'} with ${JSON.stringify(this.request.getData())}`;
  }
}

@Controller()
class TenantController {
  constructor(private readonly tenant: Tenant) {}

  @MessagePattern('tenant.request')
  request(): { text: string; instance: number } {
    return { text: this.tenant.describe(), instance: this.tenant.number };
  }
}

const heard: string[] = [];

@Controller({ scope: Scope.REQUEST })
class TenantEventController {
  constructor(private readonly tenant: Tenant) {}

  @EventPattern<string>('tenant.event')
  onFirst(): void {
    heard.push(`first: ${this.tenant.describe()}`);
  }

  @EventPattern<string>('tenant.event')
  async onSecond(): Promise<void> {
    await Promise.resolve();
    heard.push(`second: ${this.tenant.describe()}`);
  }

  @EventPattern<string>('tenant.event')
  onThird(): never {
    throw new Error('third is broken');
  }
}

@Injectable({ scope: Scope.REQUEST })
class Broken {
  constructor() {
    throw new Error('cannot be made');
  }
}

@Controller()
class BrokenController {
  constructor(private readonly broken: Broken) {}

  @MessagePattern('broken')
  handle(): unknown {
    return this.broken;
  }
}

const forTenant = (tenant: string, data: unknown): unknown =>
  new RedisQueueRecordBuilder(data).headers({ tenant }).build();

describe('a request-scoped provider', () => {
  test('is created for each message, and knows pattern, data and context', async () => {
    await rig.serve({ controllers: [TenantController], providers: [Tenant] });
    const client = rig.client();
    const ask = (tenant: string, data: unknown): Promise<{ text: string; instance: number }> =>
      lastValueFrom(client.send('tenant.request', forTenant(tenant, data)));

    const answers = await Promise.all([ask('acme', 1), ask('bolt', 2), ask('acme', 3)]);

    expect(answers.map(({ text }) => text)).toEqual([
      '"tenant.request" for acme with 1',
      '"tenant.request" for bolt with 2',
      '"tenant.request" for acme with 3',
    ]);
    expect(new Set(answers.map(({ instance }) => instance)).size).toBe(3);
  });

  test('serves every handler of an event, and a failing one does not affect others', async () => {
    await rig.serve({ controllers: [TenantEventController], providers: [Tenant] });
    heard.length = 0;

    await lastValueFrom(rig.client().emit('tenant.event', forTenant('acme', 'x')));

    await eventually(() =>
      expect(heard.sort()).toEqual([
        'first: "tenant.event" for acme with "x"',
        'second: "tenant.event" for acme with "x"',
      ]),
    );
    const logged = /event "tenant.event" failed: third is broken/;
    await eventually(() => expect(rig.logs.matching('error', logged)).toHaveLength(1));
  });

  test('that cannot be created is a failure of the message', async () => {
    await rig.serve(
      { controllers: [BrokenController], providers: [Broken] },
      { retry: { attempts: 1 } },
    );
    const client = rig.client();

    await expect(lastValueFrom(client.send('broken', {}))).rejects.toMatchObject({
      status: 'error',
    });
    await lastValueFrom(client.enqueue('broken', {}));

    await eventually(async () => {
      const letters = await rig.queue('broken').dead();
      expect(letters.map(({ dead }) => dead.error.message)).toEqual(['cannot be made']);
    });
  });
});
