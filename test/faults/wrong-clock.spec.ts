import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import type { ConsumerProcess, SendTerms, TestMessage } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import type { JournalEntry } from '../support/journal.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { FaultStage, LEASE_MS, RECLAIM_EVERY_MS, SLACK_MS } from './fault-stage.js';
import { Stopwatch } from '../support/stopwatch.js';

const rig = redisRig();

jest.setTimeout(timeFor(2, 60_000));

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Fast, slow, both in turn with each reading, and right. */
const CLOCKS = [[HOUR_MS], [-HOUR_MS], [HOUR_MS, -HOUR_MS], [0]];
const FAST = { clockAheadMs: [HOUR_MS] };
const SLOW = { clockAheadMs: [-HOUR_MS] };
/** A process knows Redis's time as exactly as the answer that told it was quick. */
const EARLY_MS = 100;
const LONGEST_DELAY_MS = 1_200;

type Random = () => number;

interface Sending {
  readonly message: TestMessage;
  readonly terms: SendTerms;
  readonly verb: 'enqueue' | 'request';
  readonly expires: boolean;
}

/** One message of each kind that would suffer if the clock of a process counted. */
function oneOfEach(name: string, random: Random): Sending[] {
  const delayMs = (): number => 300 + Math.floor(random() * (LONGEST_DELAY_MS - 300));
  const sending = (kind: string, rest: Partial<Sending> & { workMs?: number } = {}): Sending => {
    const { workMs = 0, ...more } = rest;
    const message = { id: `${name} ${kind}`, workMs };
    return { message, terms: {}, verb: 'enqueue', expires: false, ...more };
  };
  return [
    // Longer than its lease, which is kept only by renewing.
    sending('long', { workMs: LEASE_MS + 1.5 * RECLAIM_EVERY_MS }),
    sending('delayed', { terms: { delayMs: delayMs() } }),
    sending('lasting', { terms: { delayMs: delayMs(), expiresInMs: MINUTE_MS } }),
    sending('expiring', { terms: { delayMs: delayMs(), expiresInMs: 100 }, expires: true }),
    sending('asked', { verb: 'request' }),
  ];
}

function pick<T>(random: Random, of: readonly T[]): T {
  return of[Math.floor(random() * of.length)]!;
}

/** Sets the clock of one of them, and makes sure that it shows the new time. */
async function jump(random: Random, services: readonly ConsumerProcess[]): Promise<void> {
  const aheadMs = pick(random, CLOCKS);
  const shownMs = await pick(random, services).setClock(...aheadMs);
  const wrongByMs = aheadMs.map((ms) => Math.abs(shownMs - ms - Date.now()));
  expect(Math.min(...wrongByMs)).toBeLessThan(MINUTE_MS);
}

/** Makes clocks jump until the work is over. */
async function jumpDuring<T>(
  work: Promise<T>,
  random: Random,
  services: readonly ConsumerProcess[],
): Promise<T> {
  let jumps = 0;
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  const jumping = (async () => {
    for (; !isOver; jumps += 1) {
      await jump(random, services);
      await pause(random() * 100);
    }
  })();
  const [result] = await Promise.all([over, jumping]);
  expect(jumps).toBeGreaterThan(3);
  return result;
}

describe('process clocks that are an hour wrong, and jump', () => {
  test(`change no delay and no expiry, and take no lease away (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const randomJumps = randomNumbers(SEED + 1);
    const stage = await FaultStage.open(rig);
    const options = { concurrency: 20 };
    const services = await Promise.all([
      stage.startConsumer(options, undefined, FAST),
      stage.startConsumer(options, undefined, SLOW),
    ]);
    const dueAt = new Map<string, number>();
    const seenAt = new Map<string, number>();
    const handled: string[] = [];
    let expired = 0;
    const send = async ({ message, terms, verb, expires }: Sending): Promise<void> => {
      const { id } = message;
      const sender = pick(random, services);
      dueAt.set(id, performance.now() + (terms.delayMs ?? 0));
      const call = (): Promise<unknown> =>
        verb === 'enqueue' ? sender.enqueue(message, terms) : sender.request(message);
      expect(await stage.ledger.send(id, call, terms)).toBe('confirmed');
      if (expires) expired += 1;
      else handled.push(id);
    };
    const starts = (): JournalEntry[] => stage.entries().filter(({ event }) => event === 'start');
    const look = (): void => {
      for (const { id } of starts()) if (!seenAt.has(id)) seenAt.set(id, performance.now());
    };

    const times = rounds(2);
    const watch = Stopwatch.start();
    for (let round = 0; round < times; round += 1) {
      const sendings = ['a', 'b', 'c'].flatMap((name) => oneOfEach(`${round}${name}`, random));
      const sending = (async () => {
        for (const each of sendings) {
          await send(each);
          look();
        }
        await eventually(() => {
          look();
          expect(seenAt.size).toBe(handled.length);
        });
        await stage.untilAllHome();
      })();
      await jumpDuring(sending, randomJumps, services);
    }

    expect(stage.ledger.idsOf('start').sort()).toEqual(handled.sort());
    const lateMs = handled.map(
      (id) => [id, (seenAt.get(id) ?? NaN) - (dueAt.get(id) ?? NaN)] as const,
    );
    const mostMs = watch.stop().limit(2 * SLACK_MS);
    const isOnTime = (ms: number): boolean => ms > -EARLY_MS && ms < mostMs;
    expect(lateMs.filter(([, ms]) => !isOnTime(ms))).toEqual([]);
    // Redis has the time of the machine.
    const sentAgoMs = starts().map(({ sentAtMs }) => Date.now() - Number(sentAtMs));
    expect(Math.max(...sentAgoMs.map(Math.abs))).toBeLessThan(times * MINUTE_MS);
    expect(starts().every(({ attempt }) => attempt === 1)).toBe(true);
    // Nothing about a lost lease, or about deliveries of others that were taken over.
    expect(services.map(({ output }) => output)).toEqual(['', '']);
    expect(stage.ledger.idsOf('aborted')).toEqual([]);
    expect((await stage.dump()).expired).toBe(expired);
    await stage.balance(0);
  });

  test(`leave no lease to a process that died (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const stage = await FaultStage.open(rig);
    const survivor = await stage.startConsumer({}, undefined, SLOW);
    survivor.letGo();
    let sent = 0;
    let held = 0;
    for (let round = 0; round < rounds(2); round += 1) {
      const clockAheadMs = CLOCKS[round % CLOCKS.length]!;
      const victim = await stage.startConsumer({}, undefined, { clockAheadMs });
      const startedAt = performance.now();
      await eventually(async () => {
        if (victim.journal.length < 3) await stage.send({ id: `m${(sent += 1)}`, holds: true });
        expect(victim.journal.length).toBeGreaterThanOrEqual(3);
        // By then it has renewed its lease.
        expect(performance.now() - startedAt).toBeGreaterThan(1.5 * RECLAIM_EVERY_MS);
      });
      await victim.kill();
      const watch = Stopwatch.start();
      held += victim.journal.length;
      const takenBack = eventually(async () => {
        expect((await stage.dump()).processing.size).toBeLessThanOrEqual(1);
        expect(await rig.commands.zcard(`${rig.prefix}:{work}:consumers`)).toBe(1);
        watch.stop();
      });
      await jumpDuring(takenBack, random, [survivor]);
      watch.expectAtMost(LEASE_MS + RECLAIM_EVERY_MS + SLACK_MS);
      await stage.untilAllHome();
    }
    const account = await stage.balance(held);
    expect(account).toMatchObject({ handled: sent, dead: [] });
  });
});
