import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueContext, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import type { DeadLetterEntry, RedisQueueClient } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { GREETING, wireRig } from './wire-rig.js';

const rig = wireRig();

const QUEUE = 'mail.send';
const ADA = 'ada@example.com';

async function enqueue(client: RedisQueueClient, ...mails: unknown[]): Promise<void> {
  for (const mail of mails) await lastValueFrom(client.enqueue(QUEUE, mail));
}

/** Nothing of the queue is under way any more. */
async function untilSettled(): Promise<void> {
  const admin = rig.admin();
  await eventually(async () => {
    const { waiting, processing, delayed } = await admin.lengths(QUEUE);
    expect({ waiting, processing, delayed }).toEqual({ waiting: 0, processing: 0, delayed: 0 });
  });
}

async function deadLetters(count: number): Promise<readonly DeadLetterEntry[]> {
  const admin = rig.admin();
  return eventually(async () => {
    const { letters } = await admin.deadLetters(QUEUE);
    expect(letters).toHaveLength(count);
    return letters;
  });
}

describe('consumer.py', () => {
  test('takes what our client enqueues, in order, and settles it', async () => {
    const client = rig.nest.client();
    await enqueue(client, { to: ADA, text: GREETING }, { to: ADA, text: '2' });

    const consumer = await rig.consume(QUEUE);
    await eventually(async () => {
      expect(consumer.all('mail')).toHaveLength(2);
      // It waits. Several messages that then come at once must not overtake each other.
      expect(await rig.nest.commands.call('CLIENT', 'LIST')).toMatch(/ flags=b .* cmd=blmove /);
    });
    const others = ['3', '4', '5'].map((text) => JSON.stringify({ to: ADA, text }));
    await rig.nest.commands.rpush(rig.nest.queue(QUEUE).waitingKey, ...others);

    await eventually(() =>
      expect(consumer.all('mail')).toEqual([
        { attempt: 1, to: ADA, text: GREETING },
        ...['2', '3', '4', '5'].map((text) => ({ attempt: 1, to: ADA, text })),
      ]),
    );
    await untilSettled();
    expect(await rig.admin().lengths(QUEUE)).toMatchObject({ consumers: 1, dead: 0 });
  });

  test('answers our client', async () => {
    await rig.consume(QUEUE);
    const client = rig.nest.client();

    const answers = ['ada', 'bob', 'jürgen'].map((name) =>
      lastValueFrom(client.send<string>(QUEUE, { to: `${name}@example.com` })),
    );

    expect(await Promise.all(answers)).toEqual([
      'sent to ada@example.com',
      'sent to bob@example.com',
      'sent to jürgen@example.com',
    ]);
    await untilSettled();
  });

  test('answers with an error, and the message is settled; or it asks for a dead letter', async () => {
    await rig.consume(QUEUE);
    const client = rig.nest.client();

    const failing = lastValueFrom(client.send(QUEUE, { text: 'to nobody' }));
    await expect(failing).rejects.toEqual({ status: 'error', message: "'to'" });
    const useless = lastValueFrom(client.send(QUEUE, { to: 'nobody' }));
    await expect(useless).rejects.toEqual({ status: 'error', message: 'nobody is not an address' });

    const [letter] = await deadLetters(1);
    expect(letter).toMatchObject({ reason: 'rejected', data: { to: 'nobody' } });
    await untilSettled();
  });

  test('tries again later, and keeps every field of the header', async () => {
    const consumer = await rig.consume(QUEUE);
    const record = new RedisQueueRecordBuilder({ to: ADA, busy: true, text: GREETING })
      .id('mail-17')
      .headers({ tenant: 'Müller' });

    await enqueue(rig.nest.client(), record.build());

    await eventually(() =>
      expect(consumer.all('mail')).toMatchObject([{ attempt: 1 }, { attempt: 2 }]),
    );
    expect(consumer.all('retried')).toEqual([{ id: 'mail-17' }]);
    await untilSettled();
  });

  test('uses up no attempt if a handler asks to run later, its own or ours', async () => {
    await rig.consume(QUEUE, '--attempts', '2', '--pause', '10');
    // It first asks to run later, and cannot wait for "soon" then.
    const own = { to: ADA, busy: true, seconds: 'soon' };
    await enqueue(rig.nest.client(), new RedisQueueRecordBuilder(own).id('own').build());
    const [letter] = await deadLetters(1);
    expect(letter).toMatchObject({ id: 'own', reason: 'handlerFailed', attempt: 3 });
    const element =
      '{"rq":1,"attempt":4,"postponed":3,"id":"ours","headers":{"a":"b"}}\n{"text":"no address"}';

    await rig.nest.commands.rpush(rig.nest.queue(QUEUE).waitingKey, element);

    const [, ours] = await deadLetters(2);
    expect(ours).toMatchObject({ id: 'ours', attempt: 5, headers: { a: 'b' } });
    expect(String(ours?.element)).toContain(`\n{"rq":1,"attempt":5,"postponed":3,"id":"ours",`);
  });

  test('hands a message with a raised attempt to our handlers too', async () => {
    const seen: unknown[] = [];
    @Controller()
    class MailController {
      @MessagePattern(QUEUE)
      send(@Payload() data: unknown, @Ctx() context: RedisQueueContext): void {
        seen.push([context.getMessageId(), context.getAttempt(), context.getHeaders(), data]);
      }
    }
    const consumer = await rig.consume(QUEUE, '--pause', '600000');
    const record = new RedisQueueRecordBuilder({ text: GREETING })
      .id('mail-17')
      .headers({ tenant: 'Müller' });
    await enqueue(rig.nest.client(), record.build());
    await consumer.prints('retried');
    await consumer.close();

    await rig.nest.serve({ controllers: [MailController] });
    expect(await rig.admin().advanceDelayed(QUEUE)).toBe(1);

    await eventually(() =>
      expect(seen).toEqual([['mail-17', 2, { tenant: 'Müller' }, { text: GREETING }]]),
    );
  });

  test('dead-letters what fails for good, so that our admin can read and redrive it', async () => {
    const consumer = await rig.consume(QUEUE, '--attempts', '2', '--pause', '10');
    const admin = rig.admin();
    const record = new RedisQueueRecordBuilder({ text: GREETING }).id('mail-17');

    await enqueue(rig.nest.client(), record.build());

    const [letter] = await deadLetters(1);
    expect(letter).toMatchObject({
      id: 'mail-17',
      reason: 'handlerFailed',
      attempt: 2,
      data: { text: GREETING },
      error: { name: 'KeyError', message: "'to'" },
    });
    expect(letter?.error.stack).toContain('consumer.py');
    expect(letter?.deadAt.getTime()).toBeGreaterThanOrEqual(letter?.sentAt?.getTime() ?? Infinity);
    expect(await admin.redrive(QUEUE, letter?.entry ?? '')).toBe(true);
    await eventually(() => expect(consumer.all('mail')).toHaveLength(4));
    await deadLetters(1);
  });

  test('tries two messages with the same bytes again, and loses neither', async () => {
    const consumer = await rig.consume(QUEUE, '--attempts', '2', '--pause', '2000');
    const element = '{"rq":1,"id":"twice"}\n{"text":"to nobody"}';

    await rig.nest.commands.rpush(rig.nest.queue(QUEUE).waitingKey, element, element);

    const letters = await deadLetters(2);
    expect(letters).toMatchObject([{ attempt: 2 }, { attempt: 2 }]);
    expect(consumer.all('mail')).toHaveLength(4);
  });

  test('dead-letters messages that it cannot read, whole, and goes on', async () => {
    const { waitingKey } = rig.nest.queue(QUEUE);
    const unreadable = [
      'hello',
      Buffer.from([0xff, 0xfe, 0x00]),
      '',
      '{"rq":2}\n{}',
      '{"rq":1,"id":"no JSON\n{}',
      '{"rq":1,"id":17}\n{}',
      '{"rq":1,"id":"c","codec":"msgpack"}\n\x81\xa2to\xa1a',
    ];
    await rig.nest.commands.rpush(waitingKey, ...unreadable, JSON.stringify({ to: ADA }));

    const consumer = await rig.consume(QUEUE);

    await consumer.prints('mail');
    const letters = await deadLetters(unreadable.length);
    expect(letters.map(({ reason }) => reason)).toEqual(unreadable.map(() => 'undecodable'));
    expect(letters.at(-1)?.id).toBe('c');
    await untilSettled();
    // Unchanged: a redriven message has the same bytes.
    await consumer.close();
    await rig.admin().redriveAll(QUEUE);
    const redriven = await rig.nest.commands.lrangeBuffer(waitingKey, 0, -1);
    const withoutHeader = unreadable.slice(0, 5);
    expect(redriven.slice(0, 5)).toEqual(withoutHeader.map((element) => Buffer.from(element)));
  });

  test('releases delayed messages when they are due', async () => {
    const consumer = await rig.consume(QUEUE);
    const later = (text: string, delayMs: number): unknown =>
      new RedisQueueRecordBuilder({ to: ADA, text }).delay(delayMs).build();

    await enqueue(rig.nest.client(), later('2', 400), later('1', 200), later('3', 600_000));

    await eventually(() =>
      expect(consumer.all('mail')).toMatchObject([{ text: '1' }, { text: '2' }]),
    );
    expect(await rig.admin().lengths(QUEUE)).toMatchObject({ delayed: 1 });
  });

  test('drops messages that are too late, and counts them', async () => {
    const late = new RedisQueueRecordBuilder({ to: ADA, text: 'late' }).expiresIn(1).build();
    await enqueue(rig.nest.client(), late, { to: ADA, text: 'in time' });

    const consumer = await rig.consume(QUEUE); // takes longer than a millisecond to start

    await eventually(() => expect(consumer.all('mail')).toMatchObject([{ text: 'in time' }]));
    expect(await rig.admin().lengths(QUEUE)).toMatchObject({ expired: 1, dead: 0 });
  });

  test('takes nothing while the queue is paused', async () => {
    const admin = rig.admin();
    await admin.pause(QUEUE);
    const consumer = await rig.consume(QUEUE);
    const calls = async (): Promise<number> => {
      const info = await rig.nest.commands.info('commandstats');
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1] ?? 0);
    };

    await enqueue(rig.nest.client(), { to: ADA });
    const before = await calls();
    await eventually(async () => expect(await calls()).toBeGreaterThan(before + 1));

    expect(await admin.lengths(QUEUE)).toMatchObject({ waiting: 1, processing: 0 });
    expect(consumer.all('mail')).toEqual([]);
    await admin.resume(QUEUE);
    await consumer.prints('mail');
  });

  test('shares a queue with our handlers: each message goes to one of them', async () => {
    const ours: number[] = [];
    @Controller()
    class MailController {
      @MessagePattern(QUEUE, { concurrency: 1 })
      send(@Payload() mail: { number: number }): void {
        ours.push(mail.number);
      }
    }
    await rig.nest.serve({ controllers: [MailController] });
    const theirs = await Promise.all([rig.consume(QUEUE), rig.consume(QUEUE)]);
    const client = rig.nest.client();
    const numbers = Array.from({ length: 300 }, (_, number) => number);

    // The first third one by one, so that all of them wait in between.
    for (const number of numbers.slice(0, 100)) {
      await enqueue(client, { to: ADA, number });
      await eventually(async () =>
        expect(await rig.nest.commands.llen(rig.nest.queue(QUEUE).waitingKey)).toBe(0),
      );
    }
    await Promise.all(numbers.slice(100).map((number) => enqueue(client, { to: ADA, number })));

    const byThem = (): number[] =>
      theirs
        .flatMap((consumer) => consumer.all('mail') as { number: number }[])
        .map(({ number }) => number);
    await eventually(() => expect([...ours, ...byThem()]).toHaveLength(300));
    expect([...ours, ...byThem()].sort((a, b) => a - b)).toEqual(numbers);
    expect(ours.length).toBeGreaterThan(0);
    expect(byThem().length).toBeGreaterThan(0);
    await untilSettled();
  });

  test('finishes running messages on SIGTERM, and leaves', async () => {
    const consumer = await rig.consume(QUEUE);
    await enqueue(rig.nest.client(), { to: ADA, seconds: 0.5 }, { to: ADA, text: 'not begun' });
    await consumer.prints('mail');

    consumer.signal('SIGTERM');

    expect(await consumer.ended).toBe(0);
    expect(await rig.admin().lengths(QUEUE)).toMatchObject({
      waiting: 1,
      processing: 0,
      consumers: 0,
    });
    expect(await rig.admin().peek(QUEUE)).toMatchObject([
      { attempt: 1, data: { text: 'not begun' } },
    ]);
  });
});

describe('listen.py', () => {
  test('hears what our client emits', async () => {
    const listener = rig.run('listen', 'user.created', '{"event":"gone"}');
    await listener.prints('listening to user.created');
    await listener.prints('listening to {"event":"gone"}');
    const client = rig.nest.client();

    await lastValueFrom(client.emit('user.created', { name: GREETING }));
    await lastValueFrom(client.emit({ event: 'gone' }, 'Zoë'));

    expect(await listener.prints('user.created ')).toEqual({ name: GREETING });
    expect(await listener.prints('{"event":"gone"} ')).toBe('Zoë');
  });

  test('listens again after its connection was lost', async () => {
    const listener = rig.run('listen', 'user.created');
    await listener.prints('listening to');
    await rig.nest.commands.call('CLIENT', 'KILL', 'TYPE', 'pubsub');

    await eventually(() => expect(listener.printed).toHaveLength(2));
    await lastValueFrom(rig.nest.client().emit('user.created', 'later'));
    expect(await listener.prints('user.created ')).toBe('later');
  });
});
