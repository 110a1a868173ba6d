import { describe, expect, jest, test } from '@jest/globals';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { RedisQueueHandlerOptions } from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { Gate } from '../../support/gate.js';
import { nestRig } from '../../support/nest-rig.js';
import { batchControllerOf } from '../batches/controller.js';
import { controllerOf } from '../delivery/controller.js';

const rig = nestRig();

jest.setTimeout(60_000);

const PLAIN: RedisQueueHandlerOptions = {};
const BATCH: RedisQueueHandlerOptions = { batch: { size: 2, waitMs: 0 } };

async function serve(options: RedisQueueHandlerOptions): Promise<unknown[]> {
  const seen: unknown[] = [];
  const handle = (data: unknown): void => void seen.push(data);
  const { batch } = options;
  const controller =
    batch === undefined
      ? controllerOf('work', handle)
      : batchControllerOf('work', { batch }, handle);
  await rig.serve({ controllers: [controller] });
  return seen;
}

function request(replyTo: string): string {
  return `{"rq":1,"id":"x","replyTo":${JSON.stringify(replyTo)},"re":1}\n"forged"`;
}

describe('a request with a reply list that does not fit this prefix', () => {
  const lists: [string, (prefix: string) => string][] = [
    ['the waiting list of a queue', (prefix) => `${prefix}:{orders}:waiting`],
    ['a list of another program', () => 'sessions'],
    ['a reply list of another prefix', () => 'other:{reply:x}:replies'],
    ['the list of what a consumer holds', (p) => `${p}:{reply:x}:processing:y}:replies`],
    ['a reply list without an owner', (prefix) => `${prefix}:{reply:}:replies`],
    ['a key that only begins like a reply list', (prefix) => `${prefix}:{reply:x}:waiting`],
    ['nothing', () => ''],
  ];

  for (const [kind, options] of [
    ['a handler', PLAIN],
    ['a batch handler', BATCH],
  ] as const) {
    test.each(lists)(`is dead-lettered by ${kind}, and never answered: %s`, async (_, listOf) => {
      const list = listOf(rig.prefix);
      const seen = await serve(options);
      await rig.commands.rpush(rig.queue('work').waitingKey, request(list), '"good"');

      await eventually(() => expect(seen.flat()).toEqual(['good']));
      await eventually(async () => {
        expect((await rig.queue('work').dead()).map(({ dead }) => dead)).toMatchObject([
          { reason: 'undecodable', error: { message: expect.stringContaining('"replyTo"') } },
        ]);
      });
      expect(await rig.commands.exists(list)).toBe(0);
      expect(rig.logs.matching('error', /reply list/)).toHaveLength(1);
    });
  }

  test('leaves the messages that are there as they are, without a time to live', async () => {
    const orders = rig.queue('orders');
    await rig.commands.rpush(orders.waitingKey, '"an order"');
    await serve(PLAIN);

    await rig.commands.rpush(rig.queue('work').waitingKey, request(orders.waitingKey));

    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(1));
    expect(await orders.waiting()).toEqual(['"an order"']);
    expect(await rig.commands.pttl(orders.waitingKey)).toBe(-1);
  });

  test('runs as a message without a caller when it is redriven', async () => {
    const seen = await serve(PLAIN);
    await rig.commands.rpush(rig.queue('work').waitingKey, request('sessions'));
    await eventually(async () => expect(await rig.queue('work').dead()).toHaveLength(1));

    const { connection, prefix } = rig.clientOptions();
    const admin = rig.closeLater(new RedisQueueAdmin({ connection, prefix }));
    expect(await admin.redriveAll('work')).toBe(1);

    await eventually(() => expect(seen).toEqual(['forged']));
    expect(await rig.commands.exists('sessions')).toBe(0);
  });
});

describe('a reply list of the right form', () => {
  test('that is a key of another type stays as it is, and the refusal is logged', async () => {
    const list = `${rig.prefix}:{reply:x}:replies`;
    await rig.commands.set(list, 'text');
    const seen = await serve(PLAIN);

    await rig.commands.rpush(rig.queue('work').waitingKey, request(list), '"good"');

    await eventually(() => expect(seen).toEqual(['forged', 'good']));
    await eventually(() => expect(rig.logs.matching('error', /WRONGTYPE/)).toHaveLength(1));
    expect(await rig.commands.get(list)).toBe('text');
    expect(await rig.commands.pttl(list)).toBe(-1);
    await rig.commands.del(list);
  });

  test("of another client does not disturb that client's requests", async () => {
    const client = rig.client();
    const asked = new Gate();
    await rig.serve({
      controllers: [
        controllerOf('slow', async (data) => {
          await asked.opened;
          return data;
        }),
        controllerOf('work', () => 'a forged answer'),
      ],
    });
    const answer = firstValueFrom(client.send('slow', 'mine'));
    const list = await eventually(async () => {
      const [waiting = ''] = (await rig.connections()).filter((name) =>
        name.startsWith('rq-replies-'),
      );
      expect(waiting).not.toBe('');
      return `${rig.prefix}:{reply:${waiting.slice('rq-replies-'.length)}}:replies`;
    });

    // With a number that the client never used, and with the number of a finished request.
    for (const number of [0, 99, -1, 1.5])
      await rig.commands.rpush(
        rig.queue('work').waitingKey,
        `{"rq":1,"id":"x","replyTo":${JSON.stringify(list)},"re":${number}}\n1`,
      );
    await eventually(async () => expect(await rig.queue('work').held()).toBe(0));
    await eventually(async () => expect(await rig.commands.exists(list)).toBe(0));
    asked.open();

    expect(await answer).toBe('mine');
  });
});
