import { describe, expect, test } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { InvalidOptionError, RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import type { EmitResult } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { Proxy } from '../../support/proxy.js';
import type { Match } from '../../support/proxy.js';
import { eventControllerOf } from './controller.js';

const rig = nestRig();

const PATTERN = 'price.changed';
const CHANNEL = 'history:price.changed';

function hearing(heard: unknown[], withinMs: number, maxLength = 10_000): Type {
  const options = { history: { maxLength }, recover: { withinMs } };
  return eventControllerOf(PATTERN, (data) => heard.push(data), options);
}

function readsHistoryOf(pattern: string): Match {
  return (words) => words.some((word) => word.endsWith(`{${pattern}}:history:count`));
}

interface Gap {
  readonly pattern: string;
  readonly missed: number;
}

/** A server behind a proxy that cuts it off while `meanwhile` runs. */
async function cutOff(
  controller: Type,
  heard: readonly unknown[],
  gaps: Gap[],
  meanwhile: () => Promise<void>,
): Promise<void> {
  const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
  const strategy = rig.strategy({ connection: proxy.url });
  strategy.on('gap', (gap) => gaps.push(gap));
  const app = await rig.microservice({ controllers: [controller] }, strategy);
  await app.listen();
  await lastValueFrom(rig.client().emit(PATTERN, 'before'));
  await eventually(() => expect(heard).toEqual(['before']));
  proxy.refuse(true);
  proxy.cut();
  await eventually(async () =>
    expect(await rig.commands.pubsub('NUMSUB', `${rig.prefix}:${CHANNEL}`)).toEqual([
      `${rig.prefix}:${CHANNEL}`,
      0,
    ]),
  );
  await meanwhile();
  proxy.refuse(false);
}

describe('a live listener that recovers', () => {
  test('hears nothing that has expired meanwhile', async () => {
    const heard: unknown[] = [];
    const gaps: Gap[] = [];
    const expiring = new RedisQueueRecordBuilder('short').expiresIn(50).build();
    await cutOff(hearing(heard, 60_000), heard, gaps, async () => {
      const client = rig.client();
      await lastValueFrom(client.emit(PATTERN, expiring));
      const nowMs = async (): Promise<number> => {
        const [seconds, microseconds] = await rig.commands.time();
        return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
      };
      const before = await nowMs();
      await eventually(async () => expect((await nowMs()) - before).toBeGreaterThan(50));
      await lastValueFrom(client.emit(PATTERN, 'long'));
    });

    await eventually(() => expect(heard).toEqual(['before', 'long']));
    expect(gaps).toEqual([]);
    expect(rig.logs.matching('debug', /live event .* of "price.changed": expired/)).toHaveLength(1);
  });

  test('hears each event once, live, and counts as a listener', async () => {
    const heard: unknown[] = [];
    await rig.serve({ controllers: [hearing(heard, 60_000)] });
    const client = rig.client();
    const numbers = Array.from({ length: 300 }, (_, index) => index);

    const results = await Promise.all(
      numbers.map((number) => lastValueFrom(client.emit(PATTERN, number))),
    );

    expect(results.map(({ listeners }) => listeners)).toEqual(numbers.map(() => 1));
    await eventually(() => expect(heard).toHaveLength(300));
    expect(heard).toEqual(numbers);
  });

  test('hears nothing from before its start, no matter what is emitted while it starts', async () => {
    const heard: unknown[] = [];
    const other = 'stock.changed';
    const options = { history: { maxLength: 100 }, recover: { withinMs: 60_000 } };
    const onOther = eventControllerOf(other, (data) => heard.push(data), options);
    const client = rig.client({ declare: { [other]: { history: { maxLength: 100 } } } });
    const emit = (data: unknown): Promise<EmitResult> => lastValueFrom(client.emit(other, data));
    for (const old of ['old 1', 'old 2', 'old 3']) await emit(old);
    const proxy = rig.closeLater(await Proxy.start(rig.redis.port));
    const strategy = rig.strategy({ connection: proxy.url });
    // The patterns begin one after the other: while the first one cannot, the second one already hears events.
    const controllers = [hearing([], 60_000), onOther];
    const app = await rig.microservice({ controllers }, strategy);
    const first = proxy.holdRequest(readsHistoryOf(PATTERN));
    const listening = app.listen();
    await first.happened;
    const passed = proxy.counts.replies;
    expect((await emit('new 1')).listeners).toBe(1);
    await eventually(() => expect(proxy.counts.replies).toBeGreaterThan(passed));
    first.release();
    await listening;
    await emit('new 2');

    await eventually(() => expect(heard.at(-1)).toBe('new 2'));
    expect(heard.filter((data) => data !== 'new 1')).toEqual(['new 2']);
  });

  test('gets in order what was emitted while it was cut off, and then new events', async () => {
    const heard: unknown[] = [];
    const gaps: Gap[] = [];
    const client = rig.client();
    const numbers = Array.from({ length: 2_500 }, (_, index) => index);
    const emit = (data: unknown): Promise<unknown> => lastValueFrom(client.emit(PATTERN, data));

    await cutOff(hearing(heard, 60_000), heard, gaps, async () => {
      await Promise.all(numbers.map(emit));
    });
    let later = 0;
    await eventually(async () => {
      await emit(`after ${(later += 1)}`);
      expect(heard.length).toBeGreaterThan(numbers.length + 2);
    });

    const after = Array.from({ length: later }, (_, index) => `after ${index + 1}`);
    await eventually(() => expect(heard).toHaveLength(1 + numbers.length + later));
    expect(heard).toEqual(['before', ...numbers, ...after]);
    expect(gaps).toEqual([]);
    expect(rig.logs.matching('warn', /connection for live events was lost/)).toEqual([]);
  });

  test('skips entries that another program put into the history', async () => {
    const heard: unknown[] = [];
    const gaps: Gap[] = [];
    const client = rig.client();

    await cutOff(hearing(heard, 60_000), heard, gaps, async () => {
      await lastValueFrom(client.emit(PATTERN, 1));
      await rig.commands.xadd(`${rig.prefix}:{${PATTERN}}:history`, '*', 'by', 'hand');
      await lastValueFrom(client.emit(PATTERN, 2));
    });

    await eventually(() => expect(heard).toEqual(['before', 1, 2]));
    expect(gaps).toEqual([]);
  });

  test('learns how many events are no longer kept', async () => {
    const heard: unknown[] = [];
    const gaps: Gap[] = [];
    const client = rig.client();

    await cutOff(hearing(heard, 60_000, 3), heard, gaps, async () => {
      for (let number = 1; number <= 10; number += 1)
        await lastValueFrom(client.emit(PATTERN, number));
    });

    await eventually(() => expect(heard).toEqual(['before', 8, 9, 10]));
    expect(gaps).toEqual([{ pattern: PATTERN, missed: 7 }]);
    expect(rig.logs.matching('warn', /Missed 7 live events/)).toHaveLength(1);
  });

  test('learns how many events were too old', async () => {
    const heard: unknown[] = [];
    const gaps: Gap[] = [];
    const client = rig.client();

    await cutOff(hearing(heard, 1), heard, gaps, async () => {
      for (const number of [1, 2, 3]) await lastValueFrom(client.emit(PATTERN, number));
    });

    await eventually(() => expect(gaps).toEqual([{ pattern: PATTERN, missed: 3 }]));
    await lastValueFrom(client.emit(PATTERN, 'after'));
    await eventually(() => expect(heard).toEqual(['before', 'after']));
  });

  test('needs a history of its pattern, and no group', async () => {
    const without = eventControllerOf(PATTERN, () => undefined, { recover: { withinMs: 1 } });
    const durable = eventControllerOf(PATTERN, () => undefined, {
      group: 'billing',
      recover: { withinMs: 1 },
    });
    for (const controller of [without, durable]) {
      const error = await rig
        .serve({ controllers: [controller] })
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(error).toMatchObject({ option: 'recover' });
    }
  });
});
