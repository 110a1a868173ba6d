import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { InvalidPatternError, NoHandlerError } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { eventControllerOf } from '../events/controller.js';
import { controllerOf } from '../delivery/controller.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

const nothing = (): void => undefined;
const warnings = (): string[] => rig.logs.matching('warn', /./);
const infos = (about: RegExp): string[] => rig.logs.matching('log', about);

/** Starts a server with these handlers and stops it again: from then on, what it served is known. */
async function servedOnce(...controllers: Type[]): Promise<void> {
  const app = await rig.serve({ controllers });
  await app.close();
  rig.logs.clear();
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Resolves when what runs in the background is done: later calls of the same connection have been answered. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await rig.commands.ping();
}

describe('emit() to a name that only messages have', () => {
  test('is reported once, with what to do', async () => {
    await rig.serve({ controllers: [controllerOf('sum', nothing)] });
    const client = rig.client();

    for (let i = 0; i < 3; i += 1)
      expect(await client.emit('sum', 1)).toMatchObject({ groups: 0, listeners: 0 });

    await eventually(() => expect(warnings()).toHaveLength(1));
    expect(warnings()[0]).toMatch(
      /emit\("sum"\) reached nobody.*@MessagePattern.*enqueue\(\) or send\(\).*@EventPattern/s,
    );
  });

  test('is not reported if events have the name too, even if their server is away', async () => {
    await servedOnce(controllerOf('sum', nothing), eventControllerOf('sum', nothing));

    await rig.client().emit('sum', 1);
    await rig.client().emit('unknown', 1);

    await settled();
    expect(warnings()).toEqual([]);
  });
});

describe('enqueue()', () => {
  test.each([
    ['heard live', () => eventControllerOf('happened', nothing), /live handlers/],
    ['heard live by a wildcard', () => eventControllerOf('#', nothing), /live handlers/],
    [
      'handled by a group',
      () => eventControllerOf('happened', nothing, { group: 'billing' }),
      /the group "billing".*enqueue\("@billing\/happened"\)/s,
    ],
  ])('to a name that is only %s is reported once, with what to do', async (_, controller, who) => {
    await servedOnce(controller());
    const client = rig.client();

    await client.enqueue('happened', 1);
    await client.enqueue('happened', 2);

    await eventually(() => expect(warnings()).toHaveLength(1));
    expect(warnings()[0]).toMatch(/enqueue\("happened"\).*waits.*emit\("happened"\)/s);
    expect(warnings()[0]).toMatch(who);
  });

  test('to a name that nobody has ever served is reported, but may be right', async () => {
    const client = rig.client();
    await client.enqueue('misspelt', 1);
    await client.enqueue('misspelt', 2);

    const about = /No server has ever served the queue "misspelt" \(prefix "t\d+"\)/;
    await eventually(() => expect(infos(about)).toHaveLength(1));
    expect(warnings()).toEqual([]);
  });

  test('to a name that is served says nothing', async () => {
    await servedOnce(controllerOf('sum', nothing));

    await rig.client().enqueue('sum', 1);

    await settled();
    expect(warnings()).toEqual([]);
    expect(infos(/No server/)).toEqual([]);
  });
});

describe('send() to a name without a handler of messages', () => {
  test.each([
    ['heard live', () => eventControllerOf('happened', nothing), /live handlers.*emit\(/s],
    [
      'handled by a group',
      () => eventControllerOf('happened', nothing, { group: 'billing' }),
      /group "billing"/,
    ],
    ['served by nobody', () => controllerOf('other', nothing), /startAllMicroservices\(\)/],
  ])('that is %s fails with an error that says so', async (_, controller, why) => {
    await servedOnce(controller());

    const error = await failureOf(lastValueFrom(rig.client().send('happened', {})));

    expect(error).toBeInstanceOf(NoHandlerError);
    expect(error).toMatchObject({ code: 'NO_HANDLER', pattern: 'happened', prefix: rig.prefix });
    const text = String(error);
    expect(text).toContain('There is no matching message handler defined in the remote service.');
    expect(text).toMatch(/"happened".*prefix "t\d+"/s);
    expect(text).toMatch(why);
  });
});

describe('a server that starts', () => {
  test('reports messages that wait under a name of which it only handles events', async () => {
    const client = rig.client();
    await client.enqueue('happened', 1);
    await client.enqueue('happened', 2);
    await client.enqueue('ordered', 1);
    rig.logs.clear();

    await rig.serve({
      controllers: [
        eventControllerOf('happened', nothing),
        eventControllerOf('ordered', nothing, { group: 'billing' }),
        eventControllerOf('quiet', nothing),
      ],
    });

    expect(warnings()).toHaveLength(2);
    expect(warnings()[0]).toMatch(
      /2 messages wait in the queue "happened".*@EventPattern\("happened"\).*@MessagePattern\("happened"\)/s,
    );
    expect(warnings()[1]).toMatch(/1 message waits in the queue "ordered"/);
  });

  test('does not report messages that others take', async () => {
    @Controller()
    class BusyController {
      @MessagePattern('both', { concurrency: 1 })
      handle(): Promise<void> {
        return new Promise((resolve) => setImmediate(resolve));
      }
    }
    await rig.serve({ controllers: [BusyController] });
    await rig.client().enqueueMany(
      'both',
      Array.from({ length: 200 }, (_, i) => i),
    );
    rig.logs.clear();

    await rig.serve({ controllers: [eventControllerOf('both', nothing)] });
    @Controller()
    class OwnController {
      @MessagePattern('both')
      handle(): void {
        // Takes the messages.
      }

      @EventPattern<string>('both')
      hear(): void {
        // Hears the events.
      }
    }
    await rig.serve({ controllers: [OwnController] });

    expect(warnings()).toEqual([]);
    await eventually(async () => expect(await rig.queue('both').held()).toBe(0));
    await eventually(async () => expect(await rig.queue('both').waiting()).toEqual([]));
  });
});

describe("the name of a group's queue", () => {
  test('is not an event, and the error says which calls are meant', async () => {
    const error = await failureOf(Promise.resolve(rig.client().emit('@billing/order.placed', 1)));

    expect(error).toBeInstanceOf(InvalidPatternError);
    expect(String(error)).toMatch(
      /"@billing\/order.placed".*emit\("order.placed"\).*enqueue\("@billing\/order.placed"\)/s,
    );
  });

  test('cannot be listened to', async () => {
    const controllers = [eventControllerOf('@billing/order.placed', nothing)];
    const app = await rig.microservice({ controllers });

    await expect(app.listen()).rejects.toThrow(InvalidPatternError);
  });
});

describe('a declared group that no server has joined', () => {
  test.each([
    ['client', () => rig.client({ declare: declared }).connect()],
    [
      'server',
      () => rig.serve({ controllers: [controllerOf('other', nothing)] }, { declare: declared }),
    ],
  ])('is reported by the %s that declares it, with the groups that exist', async (_, begin) => {
    await servedOnce(eventControllerOf('order.placed', nothing, { group: 'billing' }));

    await begin();

    await eventually(() => expect(warnings()).toHaveLength(1));
    expect(warnings()[0]).toMatch(
      /group "billng" of "order.placed" is declared, but no server has ever started it.*did you mean "billing"/s,
    );
    const held = await rig.client().emit('order.placed', 1);
    expect(held).toMatchObject({ groups: 2 });
  });

  test('is only mentioned if no other group has a similar name, since its server may come', async () => {
    await rig.client({ declare: { 'order.placed': { groups: ['statistics'] } } }).connect();

    await eventually(() =>
      expect(infos(/group "statistics" of "order.placed" is declared/)).toHaveLength(1),
    );
    expect(warnings()).toEqual([]);
  });

  test('is not reported once a server has joined it', async () => {
    await servedOnce(eventControllerOf('order.placed', nothing, { group: 'billing' }));
    await rig.client({ declare: { 'order.placed': { groups: ['billing'] } } }).connect();

    await settled();
    expect(warnings()).toEqual([]);
    expect(infos(/declared/)).toEqual([]);
  });
});

const declared = { 'order.placed': { groups: ['billng'] } };
