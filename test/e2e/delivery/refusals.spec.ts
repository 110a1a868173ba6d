import { describe, expect, test } from '@jest/globals';
import {
  InvalidOptionError,
  RedisQueueRecordBuilder,
  UnencodableError,
  jsonCodec,
} from 'nestjs-redis-queue-transport';
import type { Codec, RedisQueueClient, RedisQueueRecord } from 'nestjs-redis-queue-transport';
import { msgpackCodec } from 'nestjs-redis-queue-transport/msgpack';
import { lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import { nestRig } from '../../support/nest-rig.js';
import { controllerOf } from './controller.js';

const rig = nestRig();

const record = (
  build: (builder: RedisQueueRecordBuilder<string>) => RedisQueueRecordBuilder<string>,
): RedisQueueRecord<string> => build(new RedisQueueRecordBuilder('x').id('x-1')).build();

const delay = record((builder) => builder.delay(5));
const deliverAt = record((builder) => builder.deliverAt(new Date()));
const deduplicate = record((builder) => builder.deduplicate(5));
const mandatory = record((builder) => builder.mandatory());
const headers = record((builder) => builder.headers({ tenant: 'a' }));

const verbs: Readonly<
  Record<string, (client: RedisQueueClient, data: unknown) => Observable<unknown>>
> = {
  send: (client, data) => client.send('work', data),
  emit: (client, data) => client.emit('work', data),
  enqueue: (client, data) => client.enqueue('work', data),
};

describe('a record whose settings a verb does not support', () => {
  test.each<[string, string, RedisQueueRecord]>([
    ['send', 'delay', delay],
    ['send', 'deliverAt', deliverAt],
    ['send', 'deduplicate', deduplicate],
    ['emit', 'delay', delay],
    ['emit', 'deliverAt', deliverAt],
    ['enqueue', 'mandatory', mandatory],
    ['send', 'mandatory', mandatory],
  ])('is refused: %s with %s', async (verb, setting, message) => {
    await rig.serve({ controllers: [controllerOf('work', () => 'handled')] });

    const refused = lastValueFrom(verbs[verb]!(rig.client(), message));

    await expect(refused).rejects.toThrow(InvalidOptionError);
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      option: setting,
      message: expect.stringMatching(`^${verb}\\(\\) does not support ${setting}: use it with `),
    });
    expect(await rig.queue('work').waiting()).toEqual([]);
  });

  test('is accepted where the verb can keep its settings', async () => {
    await rig.serve({ controllers: [controllerOf('work', (data) => data)] });
    const client = rig.client();
    const long = record((builder) => builder.expiresIn(60_000).headers({ tenant: 'a' }));

    expect(await lastValueFrom(client.send('work', long))).toBe('x');
    expect(await lastValueFrom(client.send('work', headers))).toBe('x');
    for (const message of [deduplicate, long, headers])
      expect(await lastValueFrom(client.emit('work', message))).toMatchObject({ id: 'x-1' });
    for (const message of [delay, deliverAt, deduplicate, long, headers])
      expect(await lastValueFrom(client.enqueue('work', message))).toMatchObject({ id: 'x-1' });
  });

  test.each<[string, (builder: RedisQueueRecordBuilder<string>) => unknown, string]>([
    ['an empty id', (builder) => builder.id(''), 'id'],
    ['an id that is not text', (builder) => builder.id(5 as unknown as string), 'id'],
    [
      'a header that is not text',
      (builder) => builder.headers({ n: 5 as unknown as string }),
      'headers.n',
    ],
  ])('is refused when it is built with %s', (_, build, option) => {
    const make = (): unknown => build(new RedisQueueRecordBuilder('x'));
    expect(make).toThrow(InvalidOptionError);
    expect(make).toThrow(expect.objectContaining({ option }));
  });
});

describe('a builder given in place of its record', () => {
  const ways = Object.keys(verbs).flatMap((verb) =>
    [jsonCodec, msgpackCodec].map((codec): [string, string, Codec] => [verb, codec.name, codec]),
  );

  test.each(ways)(
    'is refused, since its settings would be lost: %s, %s',
    async (verb, _, codec) => {
      const handled: unknown[] = [];
      await rig.serve({ controllers: [controllerOf('work', (data) => handled.push(data))] });
      const client = rig.client({ codec });
      const unfinished = new RedisQueueRecordBuilder('x').expiresIn(5);

      const refused = lastValueFrom(verbs[verb]!(client, unfinished));

      await expect(refused).rejects.toThrow(UnencodableError);
      await expect(refused).rejects.toThrow(/build\(\)/);
      expect([await rig.queue('work').waiting(), handled]).toEqual([[], []]);
    },
  );
});

describe('a Redis that evicts keys when it is full', () => {
  test('is ignored by a client', async () => {
    await rig.commands.config('SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      await lastValueFrom(rig.client().enqueue('work', 'x'));

      expect(rig.logs.matching('warn', /./)).toEqual([]);
    } finally {
      await rig.commands.config('SET', 'maxmemory-policy', 'noeviction');
    }
  });

  test('can only be treated in a known way', () => {
    const make = (): unknown => rig.strategy({ onEviction: 'ignore' as 'warn' });
    expect(make).toThrow(InvalidOptionError);
    expect(make).toThrow(/^onEviction must be 'warn' or 'refuse', got "ignore"/);
  });
});
