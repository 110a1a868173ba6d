import { expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { LEASE_MS, SHORT_LEASE, wireRig } from './wire-rig.js';

const rig = wireRig();

const QUEUE = 'mail.send';
const LARGE = 'ä'.repeat(2_000);

/** Our client enqueues mails whose bodies are parked. */
async function enqueue(...mails: object[]): Promise<void> {
  const client = rig.nest.client({ parkAboveBytes: 1_000, compressAboveBytes: false });
  for (const mail of mails) await lastValueFrom(client.enqueue(QUEUE, mail));
}

function mail(fields: object): object {
  return { to: 'ada@example.com', text: LARGE, ...fields };
}

const parked = (): Promise<number> =>
  rig.nest.commands.hlen(`${rig.nest.prefix}:{${QUEUE}}:parked`);

async function expectAtRest(expected: { dead: number; parked: number }): Promise<void> {
  await eventually(async () => {
    const { waiting, processing, delayed, dead } = await rig.admin().lengths(QUEUE);
    expect({ waiting, processing, delayed, dead, parked: await parked() }).toEqual({
      waiting: 0,
      processing: 0,
      delayed: 0,
      ...expected,
    });
  });
}

test('a parked body reaches consumer.py, and is removed with its ack', async () => {
  await enqueue(mail({}), { to: 'ada@example.com' }, mail({ number: 2 }));
  expect(await parked()).toBe(2);

  const consumer = await rig.consume(QUEUE);

  await eventually(() =>
    expect(consumer.all('mail')).toMatchObject([{ text: LARGE }, {}, { text: LARGE, number: 2 }]),
  );
  await expectAtRest({ dead: 0, parked: 0 });
});

test('is removed with a request that is answered, even with an error', async () => {
  await rig.consume(QUEUE);
  const client = rig.nest.client({ parkAboveBytes: 1_000, compressAboveBytes: false });
  expect(await lastValueFrom(client.send(QUEUE, mail({})))).toBe('sent to ada@example.com');
  await expect(lastValueFrom(client.send(QUEUE, { text: LARGE }))).rejects.toMatchObject({
    message: "'to'",
  });
  await expectAtRest({ dead: 0, parked: 0 });
});

test('stays for a retry, and is removed with it', async () => {
  await enqueue(mail({ busy: true }));
  const consumer = await rig.consume(QUEUE);
  await eventually(() =>
    expect(consumer.all('mail')).toMatchObject([
      { attempt: 1, text: LARGE },
      { attempt: 2, text: LARGE },
    ]),
  );
  await expectAtRest({ dead: 0, parked: 0 });
});

test('stays for a dead letter, which our handler gets once it is redriven', async () => {
  await enqueue(mail({ to: 'nobody' }));
  const consumer = await rig.consume(QUEUE);
  await expectAtRest({ dead: 1, parked: 1 });
  expect((await rig.admin().deadLetters(QUEUE)).letters).toMatchObject([{ data: { text: LARGE } }]);
  await consumer.close();

  const heard: unknown[] = [];
  @Controller()
  class MailController {
    @MessagePattern(QUEUE)
    send(@Payload() data: unknown): void {
      heard.push(data);
    }
  }
  await rig.nest.serve({ controllers: [MailController] });
  await rig.admin().redriveAll(QUEUE);

  await eventually(() => expect(heard).toEqual([mail({ to: 'nobody' })]));
  await expectAtRest({ dead: 0, parked: 0 });
});

test('is removed with a dead letter that is dropped by the limit on their number', async () => {
  await enqueue(...[1, 2, 3].map((number) => mail({ to: 'nobody', number })));
  await rig.consume(QUEUE, '--dead-letters', '1');
  await expectAtRest({ dead: 1, parked: 1 });
  expect(await rig.admin().lengths(QUEUE)).toMatchObject({ deadLettersDropped: 2 });
  expect((await rig.admin().deadLetters(QUEUE)).letters).toMatchObject([{ data: { number: 3 } }]);
  expect(await rig.admin().deleteDeadLetters(QUEUE)).toBe(1);
});

test('is removed with a message that is too late', async () => {
  await enqueue(new RedisQueueRecordBuilder(mail({})).expiresIn(1).build());
  const consumer = await rig.consume(QUEUE); // takes longer than a millisecond to start
  await expectAtRest({ dead: 0, parked: 0 });
  expect(await rig.admin().lengths(QUEUE)).toMatchObject({ expired: 1 });
  expect(consumer.all('mail')).toEqual([]);
});

test('outlives a killed consumer, no matter which side takes it back', async () => {
  await enqueue(mail({ seconds: 600 }));
  const killed = await rig.consume(QUEUE, ...SHORT_LEASE);
  await killed.prints('mail ');
  await killed.kill();
  const second = await rig.consume(QUEUE, ...SHORT_LEASE);
  expect(await second.prints('mail ')).toMatchObject({ attempt: 2, text: LARGE });
  await second.kill();

  const heard: unknown[] = [];
  @Controller()
  class MailController {
    @MessagePattern(QUEUE)
    send(@Payload() data: unknown): void {
      heard.push(data);
    }
  }
  await rig.nest.serve({ controllers: [MailController] }, { leaseMs: LEASE_MS });

  await eventually(() => expect(heard).toEqual([mail({ seconds: 600 })]));
  await expectAtRest({ dead: 0, parked: 0 });
});

test('is released with its message at a stop', async () => {
  const consumer = await rig.consume(QUEUE);
  await enqueue(mail({ seconds: 0.5 }), mail({}));
  await consumer.prints('mail ');
  consumer.signal('SIGTERM');
  await consumer.ended;
  expect(await rig.admin().lengths(QUEUE)).toMatchObject({ waiting: 1, processing: 0 });
  expect(await parked()).toBe(1);
  await rig.consume(QUEUE);
  await expectAtRest({ dead: 0, parked: 0 });
});

test("of an event reaches each group's consumer.py, and is removed with its copy", async () => {
  const groups = await Promise.all(
    ['billing', 'audit'].map((group) => rig.consume('order.*', '--group', group)),
  );
  const client = rig.nest.client({ parkAboveBytes: 1_000, compressAboveBytes: false });

  const emitted = await lastValueFrom(client.emit('order.placed', { text: LARGE }));

  expect(emitted).toMatchObject({ groups: 2 });
  for (const group of groups)
    expect(await group.prints('got ')).toEqual({ pattern: 'order.placed', data: { text: LARGE } });
  await eventually(async () => {
    expect(await rig.nest.commands.keys('*:parked')).toEqual([]);
    expect(await rig.nest.commands.hgetall(`${rig.nest.prefix}:{order.*}@audit:counts`)).toEqual({
      parkedEver: '1',
    });
  });
});
