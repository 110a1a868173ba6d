import { describe, expect, jest, test } from '@jest/globals';
import { DeadLetter, RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { controllerOf } from '../e2e/delivery/controller.js';
import { brief } from '../support/brief.js';
import { eventually } from '../support/eventually.js';
import { queueKey } from '../support/queue-dump.js';
import { cliRig } from './cli-rig.js';

jest.setTimeout(120_000);

const { rig, run, json, start } = cliRig();

describe('data that is small in Redis and large in memory', () => {
  const COPIES = 60;
  const LITTLE_MEMORY = { environment: { NODE_OPTIONS: '--max-old-space-size=300' } };
  const NOT_READ = /\n.*\(large, not read: add --large\)\n/;

  async function leaveBombs(): Promise<void> {
    const client = rig.client({ parkAboveBytes: false });
    const bad = controllerOf('bomb', () => {
      throw new DeadLetter('on purpose');
    });
    const app = await rig.serve({ controllers: [bad] });
    const bomb = new Array<number>(6 * 2 ** 20).fill(0);
    await client.enqueue('bomb', bomb, { id: 'b' });
    const dead = queueKey(rig.prefix, 'bomb', 'dead');
    await eventually(async () => expect(await rig.commands.xlen(dead)).toBe(1));
    await app.close();
    await client.enqueue('bomb', bomb, { id: 'b' });
    const waiting = queueKey(rig.prefix, 'bomb', 'waiting');
    const [element] = await rig.commands.lrangeBuffer(waiting, 0, 0);
    const [[, fields] = ['', []]] = (await rig.commands.xrangeBuffer(dead, '-', '+')) as [
      Buffer,
      Buffer[],
    ][];
    for (let copy = 1; copy < COPIES; copy += 1) {
      await rig.commands.rpush(waiting, element!);
      await rig.commands.xadd(dead, '*', ...fields);
    }
  }

  test('is left out of lists, and does not fill the memory', async () => {
    await leaveBombs();

    const peek = await start(['peek', 'bomb'], LITTLE_MEMORY).result();
    expect(peek).toMatchObject({ code: 0, out: expect.stringMatching(NOT_READ) });
    const dead = await start(['dead', 'list', 'bomb'], LITTLE_MEMORY).result();
    expect(dead).toMatchObject({ code: 0, out: expect.stringMatching(NOT_READ) });
    const doctor = await start(['doctor', '--json'], LITTLE_MEMORY).result();
    expect(doctor).toMatchObject({ code: 1 });
    expect(doctor.out).not.toContain('"unreadable');
    const words = ['dead', 'delete', 'bomb', '--all', '--reason', 'rejected', '--yes'];
    expect(await start(words, LITTLE_MEMORY).result()).toMatchObject({ code: 0 });
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    expect(await admin.lengths('bomb')).toMatchObject({ waiting: COPIES, dead: 0 });
    await admin.purge('bomb');
  });

  test('is read if asked for', async () => {
    const client = rig.client({ parkAboveBytes: 1_000, compressAboveBytes: 1_000 });
    const large = 'x'.repeat(100_000);
    await client.enqueue('mail', large, { id: 'm' });
    await client.enqueue('mail', large, { id: 'd', delayMs: 60_000 });
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    await admin.declare('placed', { history: { maxLength: 10 } });
    await client.emit('placed', large);

    for (const [words, list] of [
      [['peek', 'mail'], 'messages'],
      [['delayed', 'list', 'mail'], 'messages'],
      [['history', 'placed'], 'events'],
    ] as const) {
      expect((await run(...words)).out).toMatch(NOT_READ);
      expect(await json(...words)).toMatchObject({ [list]: [{ isDataUnread: true, data: null }] });
      const whole = (await json(...words, '--large')) as Record<string, { data: unknown }[]>;
      expect(whole).toMatchObject({ [list]: [{ isDataUnread: false }] });
      expect(brief(whole[list]![0]!.data)).toEqual(brief(large));
    }
    await admin.purge('mail');
  });
});
