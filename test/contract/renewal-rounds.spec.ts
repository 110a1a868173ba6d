import { setTimeout as pause } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker } from '../../libs/redis-queue-transport/src/core/broker/broker.js';
import type { Lease } from '../../libs/redis-queue-transport/src/core/broker/lease.js';
import { isRenewal } from '../faults/commands.js';
import { eventually } from '../support/eventually.js';
import { Monitor } from '../support/monitor.js';
import { redisRig } from '../support/redis-rig.js';
import { RedisWorld } from './redis-world.js';
import { LEASE_TERMS } from './with-lease.js';

const rig = redisRig();
const world = new RedisWorld(rig);

const LEASE_MS = 6_000;

let broker: Broker;
/** Calls of the script that renews. */
let calls: number;
/** How far the monitor has come. */
let marks: number;

beforeEach(async () => {
  broker = await world.open();
  calls = marks = 0;
  const monitor = await Monitor.start(rig.redis.port, ({ words, source }) => {
    if (source !== 'lua' && isRenewal(words, source)) calls += 1;
    if (words[0] === 'echo') marks = Number(words[1]);
  });
  rig.closeLater(monitor);
});

async function join(many: number, leaseMs = LEASE_MS): Promise<Lease[]> {
  const leases: Lease[] = [];
  for (let n = 0; n < many; n += 1) {
    const terms = { ...LEASE_TERMS, leaseMs, waitMs: 200 };
    leases.push(rig.closeLater(closing(await broker.join(`work-${n}`, terms, () => undefined))));
  }
  return leases;
}

function closing(lease: Lease): Lease & { close(): Promise<void> } {
  return Object.assign(lease, { close: () => lease.leave() });
}

/** How many calls there were meanwhile. */
async function callsOf(work: () => Promise<unknown>): Promise<number> {
  const before = await callsSoFar();
  await work();
  return (await callsSoFar()) - before;
}

async function callsSoFar(): Promise<number> {
  const mark = marks + 1;
  await rig.commands.echo(`${mark}`);
  await eventually(() => expect(marks).toBe(mark));
  return calls;
}

const renewed = (leases: readonly Lease[], when: 'now' | 'soon'): Promise<unknown[]> =>
  Promise.all(leases.map((lease) => lease.renew(when)));

describe('the renewals of a process', () => {
  test('that are asked for in one turn go in one call', async () => {
    const leases = await join(20);
    // The first two send the text of the script: behind a check of permissions, and without.
    await renewed(leases, 'now');
    await renewed(leases, 'now');

    expect(await callsOf(() => renewed(leases, 'now'))).toBe(1);
    expect(await callsOf(() => renewed(leases, 'soon'))).toBe(1);
  });

  test('wait for others that are about to be due, and are due together from then on', async () => {
    const [one, other] = await join(2);
    await renewed([one!, other!], 'now');
    await renewed([one!, other!], 'soon');
    await pause(LEASE_MS / 3 - 100);
    const asked = performance.now();

    const many = await callsOf(() =>
      Promise.all([one!.renew('soon'), pause(60).then(() => other!.renew('soon'))]),
    );

    expect(many).toBe(1);
    expect(performance.now() - asked).toBeLessThan(LEASE_MS / 3);
    await pause(LEASE_MS / 3 - 100);
    expect(await callsOf(() => renewed([other!, one!], 'soon'))).toBe(1);
  });

  test('that are needed now wait for nobody', async () => {
    const leases = await join(5, 30_000);
    await renewed(leases, 'soon');
    const asked = performance.now();
    const [first] = leases;

    await first!.renew('now');

    expect(performance.now() - asked).toBeLessThan(1_000); // a thirtieth of the lease
  });

  test('tell of a lost lease that one only, and renew the others', async () => {
    const leases = await join(4);
    const [lost, ...others] = leases;
    await rig.commands.zrem(world.key('work-0', 'consumers'), lost!.consumer);

    const renewals = await renewed(leases, 'soon');

    expect(renewals.map((renewal) => renewal === 'leaseLost')).toEqual([true, false, false, false]);
    for (const [index, { consumer }] of others.entries())
      expect((await world.leaseEnds(`work-${index + 1}`)).has(consumer)).toBe(true);
  });

  test('fail only for the one whose key is of another type', async () => {
    const leases = await join(3);
    const key = world.key('work-1', 'consumers');
    await rig.commands.del(key);
    await rig.commands.set(key, 'of others');

    const renewals = await Promise.allSettled(leases.map((lease) => lease.renew('soon')));

    expect(renewals.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(renewals[1]).toMatchObject({ reason: { name: 'RedisRefusedError' } });
    await rig.commands.del(key);
  });
});
