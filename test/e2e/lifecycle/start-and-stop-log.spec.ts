import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { batchControllerOf } from '../batches/controller.js';
import { controllerOf } from '../delivery/controller.js';
import { eventControllerOf } from '../events/controller.js';

const rig = nestRig();
const nothing = (): void => undefined;
const told = (): string[] =>
  rig.logs.lines
    .filter(({ context, level }) => context === 'RedisQueueServer' && level === 'log')
    .map(({ text }) => text);

describe('a server that has started', () => {
  test('says where, what and how it serves', async () => {
    const list = { feedFrom: { list: 'partner:in' }, concurrency: 1 };
    await rig.serve(
      {
        controllers: [
          controllerOf('mail.send', nothing),
          controllerOf('partner', nothing, { options: list }),
          batchControllerOf('report', { batch: { size: 50 } }, nothing),
          eventControllerOf('order.placed', nothing, { durable: true, concurrency: 5 }),
          eventControllerOf('order.placed', nothing, { group: 'statistics' }),
          eventControllerOf('user.*', nothing),
          eventControllerOf('user.*', nothing, { concurrency: 2 }),
        ],
      },
      { group: 'billing', maxConcurrency: 30 },
    );

    const place = `redis://127.0.0.1:${rig.redis.port}/0`;
    expect(told()).toEqual([
      `Serves from ${place} with the prefix "${rig.prefix}". Runs each handler up to 100 times at once, 30 in all.`,
      'Messages: "mail.send", "partner" (1 at once, from the list "partner:in"), "report" (in batches of 50)',
      'Events of the group "billing": "order.placed" (5 at once)',
      'Events of the group "statistics": "order.placed"',
      'Live events: "user.*" (2 handlers, 2 at once)',
    ]);
  });

  test('logs no password', async () => {
    await rig.commands.call('ACL', 'SETUSER', 'shop', 'on', '>secret', '~*', '&*', '+@all');
    const { port } = rig.redis;
    const connections = [
      `redis://shop:secret@127.0.0.1:${port}/0`,
      { host: '127.0.0.1', port, username: 'shop', password: 'secret' },
      rig.closeLater(
        Object.assign(
          new Redis({
            host: '127.0.0.1',
            port,
            username: 'shop',
            password: 'secret',
            lazyConnect: true,
          }),
          {
            close: () => undefined,
          },
        ),
      ),
    ];
    for (const connection of connections)
      await rig.serve({ controllers: [controllerOf('sum', nothing)] }, { connection });

    const lines = told().filter((text) => text.startsWith('Serves from'));
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).toContain(`redis://127.0.0.1:${port}/0 `);
      expect(line).not.toMatch(/secret|shop/);
    }
  });

  test('names the first of many patterns, and counts the others', async () => {
    const controllers = Array.from({ length: 25 }, (_, index) =>
      controllerOf(`p${index}`, nothing),
    );
    await rig.serve({ controllers });

    expect(told()[1]).toMatch(/^Messages: "p0", .*"p19" and 5 more$/);
  });

  test('warns if it serves nothing', async () => {
    await rig.serve({ controllers: [] });

    expect(rig.logs.matching('warn', /serves nothing.*@MessagePattern/)).toHaveLength(1);
  });
});

describe('a server that stops', () => {
  test('says what it waits for if that takes long, and what it hands back', async () => {
    const gate = new Gate();
    @Controller()
    class SlowController {
      @MessagePattern('slow')
      slow(): Promise<void> {
        return gate.opened;
      }

      @EventPattern<string>('happened')
      happened(): Promise<void> {
        return gate.opened;
      }
    }
    const app = await rig.serve({ controllers: [SlowController] }, { shutdownTimeoutMs: 1_500 });
    const client = rig.client();
    await client.enqueueMany('slow', [1, 2]);
    await client.emit('happened', 1);
    await eventually(async () => expect(await rig.queue('slow').held()).toBe(2));
    rig.logs.clear();

    await app.close();
    gate.open();

    expect(told()).toEqual([
      'Stopping within 1500 ms; waiting for 3 handlers to end: "slow" (2), live events (1).',
    ]);
    expect(rig.logs.matching('warn', /Handed back 2 messages of "slow"/)).toHaveLength(1);
    expect(rig.logs.matching('warn', /1 handler of live events still ran/)).toHaveLength(1);
    expect(await rig.queue('slow').waiting()).toHaveLength(2);
  });

  test('says nothing if it is quick', async () => {
    const app = await rig.serve({ controllers: [controllerOf('sum', nothing)] });
    rig.logs.clear();

    await app.close();

    expect(told()).toEqual([]);
  });
});
