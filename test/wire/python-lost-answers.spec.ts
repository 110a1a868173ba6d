import { beforeEach, describe, expect, test } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { Proxy } from '../support/proxy.js';
import type { Match } from '../support/proxy.js';
import type { PythonProgram } from '../support/python-program.js';
import { wireRig } from './wire-rig.js';

const rig = wireRig();

const QUEUE = 'mail.send';

/** The programs reach Redis through it, our clients around it. */
let proxy: Proxy;

beforeEach(async () => {
  proxy = rig.nest.closeLater(await Proxy.start(rig.nest.redis.port));
  rig.useUrl(proxy.url);
});

/** A script of the programs, recognised by the last of its keys. */
function isScript(words: readonly string[], lastKey: RegExp): boolean {
  return words[0] === 'EVALSHA' && lastKey.test(words[2 + Number(words[2])] ?? '');
}

/** Only this script looks whether the queue is paused. */
const isTake: Match = (words) =>
  words[0] === 'EVALSHA' && words.some((word) => word.endsWith(':paused'));
const isAck: Match = (words) => isScript(words, /:waiting$/) && words.some(isProcessing);
const isDeadLetter: Match = (words) => isScript(words, /:dead$/);
const isRetry: Match = (words) => isScript(words, /:delayed$/);
const isPushOnce: Match = (words) => isScript(words, /:waiting$/) && !words.some(isProcessing);
const isEmit: Match = (words) => isScript(words, /:\{wildcards\}$/);
const isTransaction: Match = ([name]) => name === 'EXEC';
const isProcessing = (word: string): boolean => word.includes(':processing:');

async function enqueue(mail: object): Promise<void> {
  await lastValueFrom(rig.nest.client().enqueue(QUEUE, mail));
}

/**
 * A program whose scripts Redis knows, so that a fault hits the call and not the first answer, which asks for the text.
 */
async function startConsumer(): Promise<PythonProgram> {
  const consumer = await rig.consume(QUEUE);
  await enqueue({ to: 'first@example.com' });
  await consumer.prints('mail');
  await untilSettled();
  return consumer;
}

async function untilSettled(): Promise<void> {
  const admin = rig.admin();
  await eventually(async () => {
    const { waiting, processing, delayed } = await admin.lengths(QUEUE);
    expect({ waiting, processing, delayed }).toEqual({ waiting: 0, processing: 0, delayed: 0 });
  });
}

describe('consumer.py', () => {
  test.each([
    ['take', 'reply', isTake],
    ['take', 'request', isTake],
    ['ack', 'reply', isAck],
    ['ack', 'request', isAck],
  ] as const)('runs a message once if of its %s the %s is lost', async (_, lost, match) => {
    const consumer = await startConsumer();
    // Paused, so that the message is there when it takes again.
    consumer.signal('SIGSTOP');
    await enqueue({ to: 'ada@example.com' });
    const fault = lost === 'reply' ? proxy.dropReply(match) : proxy.dropRequest(match);
    consumer.signal('SIGCONT');
    await fault.happened;

    await eventually(() => expect(consumer.all('mail')).toHaveLength(2));
    await untilSettled();
    await enqueue({ to: 'last@example.com' });
    await eventually(() =>
      expect(consumer.all('mail')).toEqual([
        { attempt: 1, to: 'first@example.com' },
        { attempt: 1, to: 'ada@example.com' },
        { attempt: 1, to: 'last@example.com' },
      ]),
    );
    expect(consumer.all('failed')).toHaveLength(1);
  });

  test('schedules a retry once if the answer is lost', async () => {
    const consumer = await startConsumer();
    const fault = proxy.dropReply(isRetry);

    await enqueue({ to: 'ada@example.com', busy: true });
    await fault.happened;

    await eventually(() =>
      expect(consumer.all('mail').slice(1)).toMatchObject([{ attempt: 1 }, { attempt: 2 }]),
    );
    await untilSettled();
    expect(consumer.all('mail')).toHaveLength(3);
  });

  test('adds a dead letter once if the answer is lost', async () => {
    const consumer = await startConsumer();
    const fault = proxy.dropReply(isDeadLetter);

    await enqueue({ to: 'nobody' });
    await fault.happened;

    await consumer.prints('dead-lettered');
    expect(await rig.admin().lengths(QUEUE)).toMatchObject({ dead: 1, processing: 0 });
  });

  test('answers even if it does not learn that its reply was written', async () => {
    await startConsumer();
    const fault = proxy.dropReply(isTransaction);

    const answer = lastValueFrom(rig.nest.client().send(QUEUE, { to: 'ada@example.com' }));
    await fault.happened;

    expect(await answer).toBe('sent to ada@example.com');
    await untilSettled();
  });
});

describe('enqueue.py', () => {
  test('says that it does not know, and sending again with --once adds nothing', async () => {
    const once = ['--once', '60000', '--id'];
    await rig.finish('enqueue', ...once, 'first', QUEUE, '1');
    proxy.dropReply(isPushOnce);

    const unsure = rig.run('enqueue', ...once, 'second', QUEUE, '2');

    expect(await unsure.ended).toBe(1);
    expect(unsure.complaints).toContain('Redis may or may not hold second');
    expect(await rig.finish('enqueue', ...once, 'second', QUEUE, '2')).toEqual([
      'held before as second',
    ]);
    expect(await rig.admin().peek(QUEUE)).toMatchObject([{ id: 'first' }, { id: 'second' }]);
  });
});

describe('emit.py', () => {
  test('says that it does not know, and emitting again with --once gives no second copy', async () => {
    await rig.admin().declare('order.placed', { groups: ['billing'] });
    const once = ['--once', '60000', '--id'];
    await rig.finish('emit', ...once, 'first', 'order.placed', '1');
    proxy.dropReply(isEmit);

    const unsure = rig.run('emit', ...once, 'second', 'order.placed', '2');

    expect(await unsure.ended).toBe(1);
    expect(unsure.complaints).toContain('second may or may not be emitted');
    expect(await rig.finish('emit', ...once, 'second', 'order.placed', '2')).toEqual([
      'emitted before as second',
    ]);
    expect(await rig.admin().peek('@billing/order.placed')).toMatchObject([
      { id: 'first' },
      { id: 'second' },
    ]);
  });
});
