import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { RedisQueueAdmin, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { clusterRig } from '../support/cluster-rig.js';
import { eventually } from '../support/eventually.js';

jest.setTimeout(60_000);

const rig = clusterRig();

const PATTERNS = ['order.placed', 'order.paid', 'stock.low', 'user.created', 'mail.sent'] as const;
const COUNT = 30;

let billed: string[] = [];
let audited: string[] = [];
let heard: string[] = [];

beforeEach(() => {
  billed = [];
  audited = [];
  heard = [];
});

@Controller()
class EventsController {
  @EventPattern<string[]>([...PATTERNS], {
    group: 'billing',
    history: { maxLength: 100 },
    concurrency: 1,
  })
  bill(@Payload() text: string): void {
    billed.push(text);
  }

  @EventPattern<string[]>([...PATTERNS], { group: 'audit' })
  audit(@Payload() text: string): void {
    audited.push(text);
  }

  @EventPattern<string>('order.*')
  hear(@Payload() text: string): void {
    heard.push(text);
  }
}

@Controller()
class WildcardController {
  @EventPattern<string>('order.*', { group: 'billing' })
  bill(): void {
    throw new Error('never called');
  }
}

const openAdmin = (): RedisQueueAdmin => rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));

const textsOf = (pattern: string): string[] =>
  Array.from({ length: COUNT }, (_, n) => `${pattern} ${n}`);

describe('on a cluster', () => {
  test('all groups of a pattern get each of its events once, in their order, wherever its slot is', async () => {
    await rig.serve({ controllers: [EventsController] });
    const client = rig.client();
    const results = await Promise.all(
      PATTERNS.flatMap((pattern) =>
        textsOf(pattern).map((text) =>
          client.emit(
            pattern,
            new RedisQueueRecordBuilder(text).id(text).deduplicate(60_000).build(),
          ),
        ),
      ),
    );

    for (const result of results)
      expect(result).toMatchObject({ groups: 2, historyId: expect.any(String) });
    const all = PATTERNS.flatMap(textsOf).sort();
    await eventually(() => {
      expect([...billed].sort()).toEqual(all);
      expect([...audited].sort()).toEqual(all);
    });
    for (const pattern of PATTERNS)
      expect(billed.filter((text) => text.startsWith(pattern))).toEqual(textsOf(pattern));
  });

  test('a live listener with a wildcard is told from its start on', async () => {
    const client = rig.client();
    await client.emit('order.placed', 'nobody');
    await rig.serve({ controllers: [EventsController] });
    await client.emit('order.placed', 'a');
    await client.emit('order.paid', 'b');
    await eventually(() => expect(heard.sort()).toEqual(['a', 'b']));
  });

  test('a group is retired, and its history ended, and the others go on', async () => {
    await rig.serve({ controllers: [EventsController] });
    const admin = openAdmin();
    const client = rig.client();
    expect(await admin.retire('order.placed', 'audit', { waiting: 'drop' })).toMatchObject({
      wasThere: true,
    });
    await admin.endHistory('order.placed', { entries: 'drop' });
    expect(await client.emit('order.placed', 'x')).toMatchObject({
      groups: 1,
      historyId: undefined,
    });
    const { groups } = await admin.groups();
    expect(groups).toHaveLength(2 * PATTERNS.length - 1);
  });

  test('a group or a history with a wildcard is refused', async () => {
    const refusal = { name: 'InvalidPatternError', message: /cannot have wildcards/ };
    await expect(rig.serve({ controllers: [WildcardController] })).rejects.toMatchObject({
      name: refusal.name,
      message: expect.stringMatching(refusal.message) as unknown,
    });
    await expect(openAdmin().declare('order.*', { history: { maxLength: 5 } })).rejects.toThrow(
      refusal.message,
    );
  });
});
