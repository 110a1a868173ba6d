import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { TestMessage } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { Proxy } from '../support/proxy.js';
import type { PendingFault } from '../support/proxy.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import {
  isBlmove,
  isCommandConnection,
  isPush,
  isSettling,
  isTake,
  isWaitConnection,
} from './commands.js';
import { FaultStage, LEASE_MS, SLACK_MS } from './fault-stage.js';
import { Stopwatch } from '../support/stopwatch.js';

const rig = redisRig();

jest.setTimeout(timeFor(20, 60_000));

/** The silence after which the library gives up a connection. A wait may take a third of the lease more. */
const WAIT_DEADLINE_MS = LEASE_MS / 3 + 1_500;
const COMMAND_DEADLINE_MS = 5_000;
/** The longest pause between two tries. */
const LONGEST_PAUSE_MS = 1_000;

let proxy: Proxy;

beforeEach(async () => {
  proxy = rig.closeLater(await Proxy.start(rig.redis.port));
});

function messages(count: number, prefix: string, workMs = 2): TestMessage[] {
  return Array.from({ length: count }, (_, index) => ({ id: `${prefix}.${index}`, workMs }));
}

describe('a consumer whose requests and answers are lost', () => {
  test(`handles each message once, and leaves none orphaned (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
    const stage = await FaultStage.open(rig);
    await stage.startConsumer({ concurrency: 4 }, proxy.url);
    const faults = rounds(20);
    for (let fault = 0; fault < faults; fault += 1) {
      const kind = pick(['dropRequest', 'dropReply', 'cutReply'] as const);
      const pending: PendingFault = proxy[kind](pick([isBlmove, isTake, isSettling]));
      // First those for the call of an idle consumer, then those that find it busy.
      for (const each of messages(3, `${fault}a`)) await stage.send(each);
      await stage.send(...messages(6, `${fault}b`));
      await pending.happened;
    }
    await stage.untilAllHome();
    const account = await stage.balance(0);
    expect(account).toMatchObject({ handled: faults * 9, dead: [] });
    expect(stage.entries().every(({ attempt }) => attempt <= 1)).toBe(true);
    expect(proxy.counts.cut).toBe(faults);
  });
});

describe('a consumer with a half-open connection', () => {
  test('for waiting takes messages again soon after the deadline of its call', async () => {
    const stage = await FaultStage.open(rig);
    await stage.startConsumer({}, proxy.url);
    await eventually(() => expect(proxy.goSilent(isWaitConnection)).toBe(1));
    const watch = Stopwatch.start();
    await stage.send(...messages(5, 'm'));
    await stage.untilAllHome();
    watch.expectAtMost(WAIT_DEADLINE_MS + SLACK_MS);
    await stage.balance(0);
  });

  test('for commands settles what it ran, and goes on, soon after the deadline', async () => {
    const stage = await FaultStage.open(rig);
    const consumer = await stage.startConsumer({ concurrency: 3 }, proxy.url);
    await stage.send(...[1, 2, 3].map((number) => ({ id: `held${number}`, holds: true })));
    await eventually(() => expect(consumer.journal).toHaveLength(3));
    expect(proxy.goSilent(isCommandConnection)).toBe(1);
    consumer.letGo();
    await eventually(() => expect(stage.ledger.idsOf('end')).toHaveLength(3));
    const watch = Stopwatch.start();
    await stage.send(...messages(10, 'm'));
    await stage.untilAllHome();
    watch.expectAtMost(COMMAND_DEADLINE_MS + LONGEST_PAUSE_MS + SLACK_MS);
    await stage.balance(0);
  });

  test('for everything recovers by itself', async () => {
    const stage = await FaultStage.open(rig);
    await stage.startConsumer({ concurrency: 3 }, proxy.url);
    await stage.send(...messages(30, 'before', 20));
    expect(proxy.goSilent()).toBeGreaterThanOrEqual(2);
    await stage.send(...messages(30, 'after'));
    await stage.untilAllHome();
    await stage.balance(0);
  });
});

describe('an outage that is longer than every deadline', () => {
  test('ends with the consumer taking messages again by itself', async () => {
    const stage = await FaultStage.open(rig);
    const consumer = await stage.startConsumer({ concurrency: 3 }, proxy.url);
    await stage.send(...messages(30, 'before', 20));
    proxy.refuse(true);
    proxy.cut();
    await stage.send(...messages(30, 'during'));
    // A failed try is repeated after a growing pause. Wait until the pauses are at their longest.
    await eventually(
      () => expect(consumer.output).toContain('not ready'),
      WAIT_DEADLINE_MS + 5_000,
    );
    const refused = proxy.counts.refused;
    await eventually(() => expect(proxy.counts.refused).toBeGreaterThan(refused + 8));
    proxy.refuse(false);
    const watch = Stopwatch.start();
    await stage.untilAllHome();
    watch.expectAtMost(LONGEST_PAUSE_MS + 1_000 + SLACK_MS);
    await stage.balance(0);
  });
});

describe('a client whose requests and answers are lost', () => {
  test(`gets the truth about each enqueue (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    const stage = await FaultStage.open(rig, proxy.url);
    const total = rounds(30);
    let faults = 0;
    for (let index = 0; index < total; index += 1) {
      const isHit = random() < 0.4;
      const kind = random() < 0.5 ? 'dropReply' : 'dropRequest';
      if (isHit) {
        proxy[kind](isPush);
        faults += 1;
      }
      const [result] = await stage.send({ id: `m${index}` });
      expect(result).toBe(isHit ? 'unknown' : 'confirmed');
      const arrived = (await stage.dump()).waiting.some((element) =>
        element.includes(`"m${index}"`),
      );
      expect(arrived).toBe(!isHit || kind === 'dropReply');
    }
    expect(stage.ledger.sent('unknown')).toHaveLength(faults);
    await stage.startConsumer();
    await stage.untilAllHome();
    await stage.balance(0);
  });
});
