import { describe, expect, test } from '@jest/globals';
import { decodeElement } from '../../libs/redis-queue-transport/src/core/message/envelope.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { FaultStage } from './fault-stage.js';
import { Stopwatch } from '../support/stopwatch.js';

const rig = redisRig();

function numbered(count: number, rest: object = {}): { id: string }[] {
  return Array.from({ length: count }, (_, index) => ({ id: `m${index}`, ...rest }));
}

describe('SIGTERM with everything in flight', () => {
  test('lets running handlers end within the deadline, and settles them', async () => {
    const stage = await FaultStage.open(rig);
    const consumer = await stage.startConsumer({ concurrency: 10, shutdownTimeoutMs: 10_000 });
    await stage.send(...numbered(30, { holds: true }));
    await eventually(() => expect(consumer.journal).toHaveLength(10));
    consumer.signal('SIGTERM');
    await eventually(() => expect(consumer.journal.at(-1)).toMatchObject({ event: 'stop' }));
    consumer.letGo();
    await consumer.ended();
    const { waiting, processing } = await stage.dump();
    expect(stage.ledger.idsOf('end')).toHaveLength(10);
    expect(stage.ledger.idsOf('start')).toHaveLength(10);
    expect(processing.size).toBe(0);
    expect(places(waiting)).toEqual(
      numbered(30)
        .slice(10)
        .map(({ id }) => `${id} 1/0`),
    );
    await stage.balance(0);
  });

  test('hands back in order, with their attempt unchanged, messages that still run at the deadline', async () => {
    const stage = await FaultStage.open(rig);
    const consumer = await stage.startConsumer({ concurrency: 10, shutdownTimeoutMs: 300 });
    await stage.send(...numbered(30, { holds: true }));
    await eventually(() => expect(consumer.journal).toHaveLength(10));
    const watch = Stopwatch.start();
    consumer.signal('SIGTERM');
    await consumer.ended();
    watch.expectAtMost(3_000);
    const aborted = consumer.journal.filter(({ event }) => event === 'aborted');
    expect(aborted.map(({ reason }) => reason)).toEqual(Array(10).fill('SHUTDOWN'));
    const { waiting, processing } = await stage.dump();
    expect(places(waiting)).toEqual(numbered(30).map(({ id }) => `${id} 1/0`));
    expect(processing.size).toBe(0);
    await stage.balance(0);
  });

  test('starts nothing more, not even a suspect that is next, and leaves it to others at once', async () => {
    const stage = await FaultStage.open(rig);
    const consumer = await stage.startConsumer({ concurrency: 2, shutdownTimeoutMs: 5_000 });
    await stage.send({ id: 'runs', holds: true });
    await eventually(() => expect(consumer.journal).toHaveLength(1));
    const suspect = '{"rq":1,"crashes":1,"attempt":2,"id":"suspect"}\n{"id":"suspect"}';
    stage.ledger.confirm('suspect');
    await rig.commands.rpush(`${rig.prefix}:{work}:suspects`, suspect);
    await rig.commands.publish(`${rig.prefix}:{work}:wake`, '');
    const roles = `${rig.prefix}:{work}:roles`;
    await eventually(async () => expect(await rig.commands.hexists(roles, 'trial')).toBe(1));
    consumer.signal('SIGTERM');
    await eventually(() => expect(consumer.journal.at(-1)).toMatchObject({ event: 'stop' }));
    await eventually(async () => expect(await rig.commands.hexists(roles, 'trial')).toBe(0));
    consumer.letGo();
    await consumer.ended();
    expect(consumer.journal.map(({ event, id }) => `${event} ${id}`)).toEqual([
      'start runs',
      'stop ',
      'end runs',
    ]);
    expect(places((await stage.dump()).suspects)).toEqual(['suspect 2/1']);
    await stage.balance(0);
  });

  test('of one of three replicas leaves everything to the others', async () => {
    const stage = await FaultStage.open(rig);
    const options = { concurrency: 5 };
    const [leaving] = await Promise.all([
      stage.startConsumer(options),
      stage.startConsumer(options),
      stage.startConsumer(options),
    ]);
    const sending = stage.send(...numbered(300, { workMs: 5 }));
    await eventually(() => expect(leaving.journal.length).toBeGreaterThan(20));
    leaving.signal('SIGTERM');
    await leaving.ended();
    await sending;
    await stage.untilAllHome();
    await stage.balance(0);
  });
});

function places(elements: readonly Buffer[]): string[] {
  return elements.map((element) => {
    const { id, attempt, crashes } = decodeElement(element);
    return `${id} ${attempt}/${crashes}`;
  });
}
