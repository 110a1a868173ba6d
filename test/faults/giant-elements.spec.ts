import { expect, jest, test } from '@jest/globals';
import { controllerOf } from '../e2e/delivery/controller.js';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';
import { queueKey } from '../support/queue-dump.js';

jest.setTimeout(300_000);

const rig = nestRig();
const MIB = 1_048_576;

/** GIANT_MIB=512 is the most that Redis allows (proto-max-bulk-len), and takes 5 GiB of memory for a while. */
const GIANT_MIB = Number(process.env['GIANT_MIB'] ?? 160);

test.each([
  ['that a consumer waits for', 'waiting', true],
  ['at the head of a backlog', 'waiting', false],
])(
  `an element of ${GIANT_MIB} MiB %s is dead-lettered for its length, and others are handled`,
  async (_, place, isWaiting) => {
    rig.mayRemain(/}[^:]*:parked$/);
    const handled: unknown[] = [];
    const serve = (): Promise<unknown> =>
      rig.serve({ controllers: [controllerOf('work', (data) => void handled.push(data))] });
    if (isWaiting) await serve();
    const list = queueKey(rig.prefix, 'work', place);
    await rig.commands.rpush(list, Buffer.alloc(GIANT_MIB * MIB, 'x'));
    for (let small = 0; small < 100; small += 1) await rig.commands.rpush(list, `${small}`);
    if (!isWaiting) await serve();

    await eventually(() => expect(handled).toHaveLength(100), 120_000);
    await eventually(async () => {
      const letters = await rig.queue('work').dead();
      expect(letters).toMatchObject([{ dead: { error: { name: 'PayloadTooLargeError' } } }]);
    }, 120_000);
    expect(await rig.queue('work').held()).toBe(0);
    const parked = queueKey(rig.prefix, 'work', 'parked');
    const [name = ''] = await rig.commands.hkeys(parked);
    expect(await rig.commands.hstrlen(parked, name)).toBe(GIANT_MIB * MIB);
    await rig.commands.unlink(parked);
  },
);
