import { expect, test } from '@jest/globals';
import { lastValueFrom } from 'rxjs';
import type { ConsumerProcess } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { KeyedScene } from './keyed-scene.js';

const rig = redisRig({ settings: { 'client-output-buffer-limit': 'pubsub 1mb 512kb 1' } });

const isEvents = (connection: string): boolean => connection.startsWith('rq-events-');
/** So that a client that reads what comes is never near the limit. */
const BATCH = 16;
const PADDING = 'x'.repeat(16_384);

test('a subscriber that Redis cuts off for being slow notices and counts it, listens again, and always gets its messages', async () => {
  const scene = await KeyedScene.open(rig);
  const { proxy, stage } = scene;
  const hears = { hears: 'news' };
  const [quick, slow] = await Promise.all([scene.start(hears), scene.start(hears, proxy.url)]);
  const emitted: string[] = [];
  const emit = async (...messages: { id: string; padding?: string }[]): Promise<void> => {
    emitted.push(...messages.map(({ id }) => id));
    await Promise.all(
      messages.map((message) =>
        lastValueFrom(stage.client.emit('news', message), { defaultValue: undefined }),
      ),
    );
  };
  await emit({ id: 'before' });
  await eventually(() => expect(heard(slow)).toEqual(['before']));

  const cuts = 2;
  for (let cut = 1; cut <= cuts; cut += 1) {
    const reading = proxy.stopReading(isEvents);
    expect(reading.links).toBe(1);
    const since = slow.journal.length;
    await eventually(async () => {
      await scene.sendEach(1);
      await emit(
        ...Array.from({ length: BATCH }, (_, index) => ({
          id: `e${emitted.length + index}`,
          padding: PADDING,
        })),
      );
      await eventually(() => expect(heard(quick)).toHaveLength(emitted.length));
      expect(await subscribers()).toBe(1);
    }, 30_000);
    // What happens to its events does not affect its queue.
    await eventually(async () => {
      await scene.sendEach(1);
      expect(slow.journal.slice(since).map(({ event }) => event)).toContain('end');
    });
    reading.goOn();
    await eventually(() => expect(interruptions(slow)).toHaveLength(cut));
    await emit({ id: `after${cut}` });
    await eventually(() => expect(heard(slow)).toContain(`after${cut}`));
  }

  expect(interruptions(slow)).toEqual(['1', '2']);
  const notices = slow.output.match(/connection for live events was lost.*\d+ times/g);
  expect(notices?.map((notice) => notice.split('(')[1])).toEqual(['1 times', '2 times']);
  // At most once, in order, and at least one event was missed each time.
  const heardSlowly = heard(slow);
  expect(heardSlowly).toEqual(emitted.filter((id) => heardSlowly.includes(id)));
  expect(heardSlowly.length).toBeLessThanOrEqual(emitted.length - cuts);
  expect(heard(quick)).toEqual(emitted);
  expect(interruptions(quick)).toEqual([]);
  await scene.expectKept();
  await scene.expectAllPlaces();
}, 60_000);

function heard(consumer: ConsumerProcess): string[] {
  return consumer.journal.filter(({ event }) => event === 'heard').map(({ id }) => id);
}

function interruptions(consumer: ConsumerProcess): string[] {
  return consumer.journal.filter(({ event }) => event === 'interrupted').map(({ id }) => id);
}

/** How many connections listen to events, as Redis sees it. */
async function subscribers(): Promise<number> {
  const list = String(await rig.commands.client('LIST'));
  return [...list.matchAll(/ name=rq-events-/g)].length;
}
