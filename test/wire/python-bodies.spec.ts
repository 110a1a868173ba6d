import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { RedisQueueRecordBuilder, rawCodec } from 'nestjs-redis-queue-transport';
import { msgpackCodec } from 'nestjs-redis-queue-transport/msgpack';
import { lastValueFrom } from 'rxjs';
import { brief } from '../support/brief.js';
import { eventControllerOf } from '../e2e/events/controller.js';
import { eventually } from '../support/eventually.js';
import { wireRig } from './wire-rig.js';

const rig = wireRig();

const QUEUE = 'mail.send';
/** Not UTF-8, with a newline and a null. */
const BYTES = Buffer.from([0xff, 0xfe, 0x00, 0x0a, 0x80, 0x7b]);
const HEX = BYTES.toString('hex');
/** Compressed by either side. */
const LONG = 'ä'.repeat(30_000);

/** Notes what it gets, and returns it. */
function echoing(heard: unknown[]): Type {
  @Controller()
  class EchoController {
    @MessagePattern(QUEUE)
    echo(@Payload() data: unknown): unknown {
      heard.push(data);
      return data;
    }
  }
  return EchoController;
}

/** The only element that waits. */
async function waiting(): Promise<string> {
  const [element = ''] = await rig.nest.queue(QUEUE).waiting();
  return element;
}

async function enqueue(data: unknown): Promise<void> {
  await lastValueFrom(rig.nest.client().enqueue(QUEUE, data));
}

describe('a compressed body', () => {
  test('is read and written by consumer.py', async () => {
    await enqueue({ to: 'ada@example.com', text: LONG });
    expect(await waiting()).toContain('"zip":"gzip"');
    const consumer = await rig.consume(QUEUE);
    expect(brief(await consumer.prints('mail '))).toMatchObject(brief({ text: LONG }) as object);

    // Its answer has the same length.
    const to = `${LONG}@example.com`;
    expect(await lastValueFrom(rig.nest.client().send(QUEUE, { to }))).toBe(`sent to ${to}`);
  });

  test('is written by enqueue.py and request.py, and read by our handler', async () => {
    await rig.finish('enqueue', QUEUE, JSON.stringify(LONG));
    expect(await waiting()).toContain('"zip":"gzip"');
    const heard: unknown[] = [];
    await rig.nest.serve({ controllers: [echoing(heard)] });

    expect(brief(await rig.finish('request', QUEUE, JSON.stringify(LONG)))).toEqual(
      brief([JSON.stringify(LONG)]),
    );
    expect(brief(heard)).toEqual(brief([LONG, LONG]));
  });

  test('travels with events in both directions', async () => {
    const heard: unknown[] = [];
    await rig.nest.serve({ controllers: [eventControllerOf('told', (data) => heard.push(data))] });
    const listener = rig.run('listen', 'told');
    await listener.prints('listening');

    await rig.finish('emit', 'told', JSON.stringify(LONG));
    await lastValueFrom(rig.nest.client().emit('told', `ours ${LONG}`));

    const both = [LONG, `ours ${LONG}`];
    await eventually(() =>
      expect(brief([heard, listener.all('told')])).toEqual(brief([both, both])),
    );
  });
});

describe('raw bytes', () => {
  const record = new RedisQueueRecordBuilder(BYTES).codec(rawCodec);

  test('reach consumer.py unchanged, and come back', async () => {
    const consumer = await rig.consume(QUEUE);
    const answer = await lastValueFrom(rig.nest.client().send<Buffer>(QUEUE, record.build()));
    expect(answer).toEqual(BYTES);
    // The answer may be here before the line that the program printed.
    await eventually(() =>
      expect(consumer.all('got')).toEqual([{ pattern: null, data: { bytes: HEX } }]),
    );
  });

  test('reach our handlers unchanged from enqueue.py, request.py and emit.py', async () => {
    const heard: unknown[] = [];
    const told = eventControllerOf('told', (data) => heard.push(data));
    await rig.nest.serve({ controllers: [echoing(heard), told] });
    const file = ['--file', await rig.file(BYTES)];

    await rig.finish('enqueue', ...file, QUEUE);
    expect(await rig.finish('request', ...file, QUEUE)).toEqual([`{"bytes": "${HEX}"}`]);
    await rig.finish('emit', ...file, 'told');

    await eventually(() => expect(heard).toEqual([BYTES, BYTES, BYTES]));
  });

  test('are heard by listen.py, and by a group that consumer.py serves', async () => {
    const listener = rig.run('listen', 'told');
    await listener.prints('listening');
    const group = await rig.consume('told', '--group', 'billing');

    await lastValueFrom(rig.nest.client().emit('told', record.build()));

    expect(await listener.prints('told ')).toEqual({ bytes: HEX });
    expect(await group.prints('got ')).toEqual({ pattern: 'told', data: { bytes: HEX } });
  });
});

describe('consumer.py dead-letters as undecodable', () => {
  test('a message in a codec that it does not know, and says what to do', async () => {
    await enqueue(new RedisQueueRecordBuilder({ to: 'a@b' }).codec(msgpackCodec).build());
    const consumer = await rig.consume(QUEUE);
    await consumer.prints('dead-lettered');

    const { letters } = await rig.admin().deadLetters(QUEUE);
    expect(letters).toMatchObject([{ reason: 'undecodable' }]);
    expect(letters[0]?.error.message).toContain('the codec msgpack: add it to DECODERS');
  });

  test('a body that is not gzip, cut off, too large when unpacked, or parked nowhere', async () => {
    const { waitingKey } = rig.nest.queue(QUEUE);
    const zipped = (zip: string, body: Buffer): Buffer =>
      Buffer.concat([Buffer.from(`{"rq":1,"id":"z","zip":"${zip}"}\n`), body]);
    const good = gzipSync('{"to":"a@b"}');
    await rig.nest.commands.rpush(
      waitingKey,
      zipped('brotli', good),
      zipped('gzip', Buffer.from('not gzip')),
      zipped('gzip', good.subarray(0, -9)),
      zipped('gzip', gzipSync(`{"to":"large"}${' '.repeat(16 * 1024 * 1024)}`)),
      '{"rq":1,"parked":"17","id":"p"}\n',
      zipped('gzip', good),
    );

    const consumer = await rig.consume(QUEUE);

    expect(await consumer.prints('mail ')).toEqual({ attempt: 1, to: 'a@b' });
    const { letters } = await rig.admin().deadLetters(QUEUE);
    expect(letters.map(({ reason }) => reason)).toEqual(Array(5).fill('undecodable'));
    expect(letters.at(-1)?.error.message).toContain('parked as 17');
  });
});

test('a body that enqueue.py parks reaches our handler, and leaves nothing behind', async () => {
  const bytes = randomBytes(300_000);
  await rig.finish('enqueue', '--file', await rig.file(bytes), QUEUE);
  expect(await waiting()).toMatch(/^\{"rq":1,"parked":"[\w-]{16}","id":.*\}\n$/);

  const heard: unknown[] = [];
  await rig.nest.serve({ controllers: [echoing(heard)] });

  await eventually(() => expect(brief(heard)).toEqual(brief([bytes])));
  await eventually(async () =>
    expect(await rig.nest.commands.exists(`${rig.nest.prefix}:{${QUEUE}}:parked`)).toBe(0),
  );
});
