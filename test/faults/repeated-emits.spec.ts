import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  OutcomeUnknownError,
  RedisQueueClient,
  RedisQueueRecordBuilder,
} from 'nestjs-redis-queue-transport';
import type { EmitResult } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { idOf } from '../support/element.js';
import { historyIds } from '../support/history-dump.js';
import { Proxy } from '../support/proxy.js';
import { dumpQueue } from '../support/queue-dump.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { isEmit } from './commands.js';

const rig = redisRig();

jest.setTimeout(timeFor(10, 60_000));

const PATTERN = 'order.placed';
const GROUPS = ['billing', 'mail', 'audit'];
const FILLER = 'x'.repeat(5_000);

let proxy: Proxy;
let client: RedisQueueClient;

beforeEach(async () => {
  Logger.overrideLogger(false);
  rig.mayRemain(/}[^:]*:parked$/);
  proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  client = rig.closeLater(
    new RedisQueueClient({
      connection: proxy.url,
      prefix: rig.prefix,
      parkAboveBytes: 1_000,
      compressAboveBytes: false,
      sendAgainForMs: 0, // the test does it
      declare: { [PATTERN]: { groups: GROUPS, history: { maxLength: 10_000 } } },
    }),
  );
  await client.connect();
});

function emit(id: string, data: object): Promise<EmitResult> {
  const record = new RedisQueueRecordBuilder({ id, ...data }).id(id).deduplicate(60_000).build();
  return lastValueFrom(client.emit(PATTERN, record));
}

/** Emits until the outcome is known. Returns for how many events that took more than one call. */
async function emitSurely(id: string, data: object): Promise<number> {
  for (let repeated = 0; ; repeated += 1) {
    try {
      const { groups, isDuplicate } = await emit(id, data);
      expect(isDuplicate ? 0 : GROUPS.length).toBe(groups);
      return repeated;
    } catch (error) {
      expect(error).toBeInstanceOf(OutcomeUnknownError);
    }
  }
}

describe('durable events whose answers are lost, and that are emitted again with the same id and deduplicate', () => {
  test(`are there once in each group and in the history (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const sent: string[] = [];
    let repeated = 0;
    for (let round = 0; round < rounds(10); round += 1) {
      const how = random() < 0.7 ? 'dropReply' : random() < 0.5 ? 'cutReply' : 'dropRequest';
      const fault = proxy[how](isEmit);
      const ids = Array.from({ length: 5 }, (_, index) => `m${round}-${index}`);
      sent.push(...ids);
      const calls = ids.map((id) => emitSurely(id, random() < 0.5 ? { filler: FILLER } : {}));
      await fault.happened;
      for (const count of await Promise.all(calls)) repeated += count;
    }

    expect(repeated).toBeGreaterThanOrEqual(rounds(10));
    expect((await historyIds(rig.commands, rig.prefix, PATTERN)).sort()).toEqual([...sent].sort());
    for (const group of GROUPS) {
      const dump = await dumpQueue(rig.commands, rig.prefix, `@${group}/${PATTERN}`);
      expect(dump.waiting.map(idOf).sort()).toEqual([...sent].sort());
      // A second try leaves no parked body behind either.
      expect(dump.parkedEver).toBe(dump.parked.length);
    }
  });
});
