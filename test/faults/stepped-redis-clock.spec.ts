import { afterAll, describe, expect, jest, test } from '@jest/globals';
import type { ConsumerProcess } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { timeFor } from '../support/seed.js';
import { SteppedClock } from '../support/stepped-clock.js';
import { RedisWorld } from '../contract/redis-world.js';
import { FaultStage, LEASE_MS, RECLAIM_EVERY_MS, SLACK_MS } from './fault-stage.js';
import { Stopwatch } from '../support/stopwatch.js';

jest.setTimeout(timeFor(1, 60_000));

const HOUR_MS = 3_600_000;
/** Less than a lease, which makes some leases look ended, and much more. */
const STEPS_MS = [0.8 * LEASE_MS, HOUR_MS, -0.8 * LEASE_MS, -HOUR_MS];
const CONSUMERS = 3;

const clock = await SteppedClock.make();

(clock === undefined ? describe.skip : describe)(
  'setting the clock of Redis while consumers run',
  () => {
    const rig = redisRig(clock === undefined ? {} : { environment: clock.environment });
    afterAll(() => clock?.close());

    /** Sets it, and makes sure that Redis follows it. */
    async function step(ms: number): Promise<void> {
      const [before = 0] = await rig.commands.time();
      clock!.step(ms);
      const [after = 0] = await rig.commands.time();
      expect(Math.abs((after - before) * 1_000 - ms)).toBeLessThan(2_500);
    }

    const consumersKey = (): string => `${rig.prefix}:{work}:consumers`;

    /** Every consumer holds something. */
    async function busyStage(): Promise<{ stage: FaultStage; consumers: ConsumerProcess[] }> {
      const stage = await FaultStage.open(rig);
      const consumers = await Promise.all(
        Array.from({ length: CONSUMERS }, () => stage.startConsumer({ concurrency: 5 })),
      );
      await stage.send(
        ...Array.from({ length: 5 * CONSUMERS }, (_, index) => ({ id: `m${index}`, holds: true })),
      );
      await eventually(() => expect(stage.entries()).toHaveLength(5 * CONSUMERS));
      return { stage, consumers };
    }

    /** Waits until each live consumer has renewed its lease this often. */
    async function renewed(times: number): Promise<void> {
      const ends = new Map<string, Set<string>>();
      await eventually(async () => {
        const words = await rig.commands.zrange(
          consumersKey(),
          '-inf',
          '+inf',
          'BYSCORE',
          'WITHSCORES',
        );
        for (let at = 0; at < words.length; at += 2) {
          const seen = ends.get(words[at]!) ?? new Set();
          ends.set(words[at]!, seen.add(words[at + 1]!));
        }
        expect(Math.min(...[...ends.values()].map(({ size }) => size))).toBeGreaterThan(times);
      }, 20_000);
    }

    test.each(STEPS_MS)('by %s ms is noticed by a process that only sends', async (stepMs) => {
      const broker = await new RedisWorld(rig).open();
      await step(stepMs);
      await eventually(async () => {
        const [seconds = 0] = await rig.commands.time();
        expect(Math.abs(broker.nowMs() - (seconds * 1_000 + 500))).toBeLessThan(700);
      }, 5_000);
    });

    test.each(STEPS_MS)('by %s ms takes no lease away', async (stepMs) => {
      const { stage, consumers } = await busyStage();
      await renewed(1);
      for (let round = 0; round < 2; round += 1) {
        await step(stepMs);
        await renewed(3);
      }
      for (const consumer of consumers) consumer.letGo();
      await stage.untilAllHome();
      expect(consumers.map(({ output }) => output)).toEqual(consumers.map(() => ''));
      await stage.balance(0);
    });

    test.each(STEPS_MS)(
      'by %s ms keeps no consumer from taking back what a dead process held',
      async (stepMs) => {
        const { stage, consumers } = await busyStage();
        const [victim, ...others] = consumers;
        await renewed(1);
        await victim!.kill();
        const watch = Stopwatch.start();
        await step(stepMs);
        for (const other of others) other.letGo();
        await eventually(async () => {
          expect(await rig.commands.zcard(consumersKey())).toBe(others.length);
        });
        // If it is set back by less than two leases, ends written before and after look alike for that long.
        const longerMs = Math.min(Math.max(0, -stepMs), 1.5 * LEASE_MS);
        watch.expectAtMost(LEASE_MS + RECLAIM_EVERY_MS + longerMs + SLACK_MS);
        await stage.untilAllHome();
        await stage.balance(5);
      },
    );
  },
);
