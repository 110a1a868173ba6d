import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { RedisQueueAdmin, RetryLater, rawCodec } from 'nestjs-redis-queue-transport';
import type { Codec, RedisQueueClientOptions } from 'nestjs-redis-queue-transport';
import { msgpackCodec } from 'nestjs-redis-queue-transport/msgpack';
import { lastValueFrom } from 'rxjs';
import { brief } from '../../support/brief.js';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from '../delivery/controller.js';

const rig = nestRig();

const LARGE = { list: Array.from({ length: 2_000 }, (_, n) => ({ n, name: 'order ä' })) };
const REPEATED = Buffer.alloc(40_000, Buffer.from([0xff, 0x0a, 0x00]));

/** Serves `work` with an echo, and collects what it handled. */
async function serveEcho(codecs: readonly Codec[] = []): Promise<unknown[]> {
  const heard: unknown[] = [];
  const controller = controllerOf('work', (data) => {
    heard.push(data);
    return data;
  });
  await rig.serve({ controllers: [controller] }, { codecs });
  return heard;
}

/** The header and the length of the element that waits after it was enqueued to a queue that nobody serves. */
async function enqueued(
  data: unknown,
  options: RedisQueueClientOptions = {},
): Promise<{ header: object; bytes: number }> {
  await lastValueFrom(rig.client(options).enqueue('nobody', data));
  const element = await rig.commands.rpopBuffer(rig.queue('nobody').waitingKey);
  const line = element!.toString('latin1', 0, element!.indexOf(0x0a));
  return { header: JSON.parse(line) as object, bytes: element!.length };
}

describe.each<[string, Codec | undefined, unknown]>([
  ['JSON', undefined, LARGE],
  ['raw bytes', rawCodec, REPEATED],
  ['MessagePack', msgpackCodec, { ...LARGE, bytes: REPEATED }],
])('a large body of %s', (_, codec, data) => {
  const options = { codec };

  test('is small in Redis, and its header says how it is compressed', async () => {
    const { header, bytes } = await enqueued(data, options);

    expect(header).toMatchObject({ zip: 'gzip' });
    expect(bytes).toBeLessThan(20_000);
  });

  test('reaches a handler and comes back unchanged, and arrives unchanged by enqueue', async () => {
    const heard = await serveEcho([msgpackCodec]);
    const client = rig.client(options);

    expect(brief(await lastValueFrom(client.send('work', data)))).toEqual(brief(data));
    await lastValueFrom(client.enqueue('work', data));

    await eventually(() => expect(brief(heard)).toEqual(brief([data, data])));
  });
});

describe('a large body', () => {
  test('arrives unchanged by emit', async () => {
    const heard: unknown[] = [];
    @Controller()
    class HearingController {
      @EventPattern<string>('happened')
      onHappened(data: unknown): void {
        heard.push(data);
      }
    }
    await rig.serve({ controllers: [HearingController] });

    await lastValueFrom(rig.client().emit('happened', LARGE));

    await eventually(() => expect(brief(heard)).toEqual(brief([LARGE])));
  });

  test('stays the same as a retry, a dead letter and redriven; the admin shows it', async () => {
    const heard: unknown[] = [];
    let isBroken = true;
    const controller = controllerOf('work', (data, context) => {
      heard.push(data);
      if (context.getAttempt() === 1) throw new RetryLater({ delayMs: 0 });
      if (isBroken) throw new Error('broken');
    });
    await rig.serve({ controllers: [controller] }, { retry: { attempts: 1 } });
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));

    await lastValueFrom(rig.client().enqueue('work', LARGE));
    await eventually(async () => {
      const { letters } = await admin.deadLetters('work');
      expect(brief(letters.map(({ data }) => data))).toEqual(brief([LARGE]));
    });
    isBroken = false;
    await admin.redriveAll('work');

    await eventually(() => expect(brief(heard)).toEqual(brief([LARGE, LARGE, LARGE, LARGE])));
  });

  test.each<[string, unknown, RedisQueueClientOptions]>([
    ['with random bytes', randomBytes(60_000), { codec: rawCodec }],
    ['with compression switched off', LARGE, { compressAboveBytes: false }],
    ['below the threshold', LARGE, { compressAboveBytes: 10_000_000 }],
  ])('%s is not compressed', async (_, data, options) => {
    const { header, bytes } = await enqueued(data, { parkAboveBytes: false, ...options });

    expect(header).not.toHaveProperty('zip');
    expect(bytes).toBeGreaterThan(50_000);
  });
});

describe('a compressed body', () => {
  const header = Buffer.from('{"rq":1,"id":"x","zip":"gzip"}\n');

  test.each([
    [
      'that would unpack to more than maxPayloadBytes',
      Buffer.concat([header, gzipSync(Buffer.alloc(50_000_000, '['))]),
      'PayloadTooLargeError',
    ],
    [
      'that is not really compressed',
      Buffer.concat([header, Buffer.from('{}')]),
      'UndecodableError',
    ],
    ['of an unknown kind', Buffer.from('{"rq":1,"id":"x","zip":"zstd"}\n{}'), 'UndecodableError'],
  ])('%s is dead-lettered', async (_, element, name) => {
    const heard = await serveEcho();
    await rig.commands.rpush(rig.queue('work').waitingKey, element, '1');

    await eventually(async () => {
      const letters = await rig.queue('work').dead();
      expect(letters.map(({ dead }) => dead)).toMatchObject([
        { reason: 'undecodable', error: { name } },
      ]);
    });
    await eventually(() => expect(heard).toEqual([1]));
  });
});
