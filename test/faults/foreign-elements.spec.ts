import { describe, expect, test } from '@jest/globals';
import { redisRig } from '../support/redis-rig.js';
import { FaultStage } from './fault-stage.js';

const rig = redisRig();

interface ForeignElement {
  readonly name: string;
  readonly element: string | Buffer;
  readonly reason?: string;
}

/**
 * What anybody could push by hand, and the reason why it is dead-lettered; undefined if its data reaches the handler.
 */
const ELEMENTS: readonly ForeignElement[] = [
  { name: 'plain', element: '{"id":"plain"}' },
  { name: 'header', element: '{"rq":1,"id":"header"}\n{"id":"header"}' },
  { name: 'spaces', element: '{"rq": 1, "id": "spaces"}\n{"id": "spaces"}' },
  { name: 'lines', element: '{\n  "id": "lines"\n}\n' },
  { name: 'not JSON', element: 'no JSON', reason: 'undecodable' },
  { name: '', element: '', reason: 'undecodable' },
  { name: 'half a header', element: '{"rq":1,"id":\n{}', reason: 'undecodable' },
  { name: 'a newer format', element: '{"rq":2,"id":"new"}\n{}', reason: 'undecodable' },
  {
    name: 'an invalid id',
    element: '{"rq":1,"id":7}\n{}',
    reason: 'undecodable',
  },
  { name: 'half a character', element: Buffer.from([0x22, 0xc3, 0x22]), reason: 'undecodable' },
  {
    name: 'bytes',
    element: Buffer.from([0, 1, 2, 3, 252, 253, 254, 255, 10, 13, 10]),
    reason: 'undecodable',
  },
  { name: 'a megabyte of nothing', element: Buffer.alloc(1_000_000), reason: 'undecodable' },
];

describe('elements that were pushed by hand', () => {
  test('reach the handler or the dead letters, byte for byte, and never stop the loop', async () => {
    const stage = await FaultStage.open(rig);
    const consumer = await stage.startConsumer({ concurrency: 3 });
    const waiting = `${rig.prefix}:{${stage.queue}}:waiting`;
    for (const { element } of ELEMENTS) await rig.commands.rpush(waiting, element);
    // Then many at once, so that they are taken by the script as well as by the wait.
    await rig.commands.rpush(waiting, ...ELEMENTS.map(({ element }) => element));
    await stage.send({ id: 'last' });
    await stage.untilAllHome();

    const readable = ELEMENTS.filter(({ reason }) => reason === undefined).map(({ name }) => name);
    expect(stage.ledger.idsOf('end').sort()).toEqual([...readable, ...readable, 'last'].sort());
    const { dead } = await stage.dump();
    const unreadable = ELEMENTS.filter(({ reason }) => reason !== undefined);
    expect(dead).toHaveLength(unreadable.length * 2);
    rig.mayRemain(/}[^:]*:parked$/);
    const bodies = await rig.commands.hgetallBuffer(`${rig.prefix}:{${stage.queue}}:parked`);
    for (const { element, reason } of unreadable) {
      const parked = dead.filter((letter) =>
        bodyOf(letter, bodies).equals(Buffer.from(element as string)),
      );
      expect(parked.length).toBeGreaterThanOrEqual(2);
      for (const letter of parked) expect(String(letter)).toContain(`"reason":"${reason}"`);
    }
    expect(consumer.hasEnded).toBe(false);
  });

  test.each([
    ['without a header', '{"id":"deadly","kills":true}'],
    [
      'with counts where scripts do not look for them',
      '{"rq":1,"id":"deadly","attempt":1,"crashes":0}\n{"id":"deadly","kills":true}',
    ],
    [
      'with counts twice',
      '{"rq":1,"crashes":0,"attempt":1,"crashes":0,"id":"deadly"}\n{"id":"deadly","kills":true}',
    ],
    [
      'with counts in another order, and spaces',
      '{ "rq" : 1 ,"attempt":1, "crashes": 0 ,"id":"deadly"}\n{"id":"deadly","kills":true}',
    ],
  ])('survive a crash of the process that runs them, %s', async (_, deadly) => {
    const stage = await FaultStage.open(rig);
    const first = await stage.startConsumer();
    const waiting = `${rig.prefix}:{${stage.queue}}:waiting`;
    stage.ledger.confirm('deadly');
    stage.ledger.confirm('beside it');
    await rig.commands.rpush(waiting, deadly, '{"id":"beside it"}');
    await first.ended();
    const second = await stage.startConsumer({ maxCrashes: 2 });
    await second.ended();
    await stage.startConsumer({ maxCrashes: 2 });
    await stage.untilAllHome();
    const account = await stage.balance(3);
    expect(account).toMatchObject({ dead: ['deadly'], handled: 1 });
  });
});

/** What arrived, byte for byte; a large element is parked. */
function bodyOf(letter: Buffer, bodies: Record<string, Buffer>): Buffer {
  const [, name = ''] = /"parked":"([^"]*)"/.exec(letter.toString('latin1', 0, 100)) ?? [];
  return bodies[name] ?? letter.subarray(letter.indexOf('\n') + 1);
}
