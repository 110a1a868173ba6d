import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import { RedisQueueClient, RequestTimeoutError } from 'nestjs-redis-queue-transport';
import type { ConsumerProcess, TestMessage } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { FaultStage, SLACK_MS } from './fault-stage.js';
import { Stopwatch } from '../support/stopwatch.js';

const rig = redisRig();

/**
 * One stop that is longer than every deadline: the longest is that of a blocking call, 6.5 s with its tolerance. And
 * one that is shorter than any.
 */
const FIRST_STOPS_MS = [7_000, 500];
/** For the other stops. By then, pauses between two tries are at their longest. */
const LONGEST_STOP_MS = 14_000;
jest.setTimeout(timeFor(FIRST_STOPS_MS.length, 60_000));

const COMMAND_DEADLINE_MS = 5_000;
const REQUEST_TIMEOUT_MS = 1_000;
const RESUMPTION_MS = 2_000;
const CONCURRENCY = 3;

describe('SIGSTOP of Redis', () => {
  test(`loses nothing, calls end on time, and consumers go on within 2 s of SIGCONT (seed ${SEED})`, async () => {
    const random = randomNumbers(SEED);
    // Chosen before anything else, since the number of messages that follow depends on time.
    const stops = Array.from({ length: rounds(FIRST_STOPS_MS.length) }, (_, stop) => ({
      stoppedMs: FIRST_STOPS_MS[stop] ?? random() * LONGEST_STOP_MS,
      /** How many starts and ends are seen before. */
      many: Math.floor(random() * 80),
    }));
    const stage = await FaultStage.open(rig);
    const consumers = await Promise.all([
      // Their leases end meanwhile, and each could take over what the other holds.
      stage.startConsumer({ concurrency: CONCURRENCY }),
      stage.startConsumer({ concurrency: CONCURRENCY }),
      // Its calls block as long as any.
      stage.startConsumer({ concurrency: CONCURRENCY, leaseMs: 30_000 }),
    ]);
    const asking = rig.closeLater(
      new RedisQueueClient({
        connection: rig.connection,
        prefix: rig.prefix,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        connectTimeoutMs: REQUEST_TIMEOUT_MS / 2,
      }),
    );
    // Even if the test fails meanwhile, since closing needs Redis.
    rig.closeLater({ close: () => rig.redis.resume() });
    // Both clients are connected when Redis stops for the first time.
    expect(await stage.ask({ id: 'before' }, asking)).toBe('before');
    await stage.client.connect();
    let sent = 0;
    const messages = (count: number): TestMessage[] =>
      Array.from({ length: count }, () => ({ id: `m${(sent += 1)}`, workMs: random() * 20 }));

    for (const [stop, { stoppedMs, many }] of stops.entries()) {
      const before = stage.entries().length;
      const sending = stage.send(...messages(40));
      await eventually(() => expect(stage.entries().length).toBeGreaterThanOrEqual(before + many));

      rig.redis.pause();
      const resumesAt = performance.now() + stoppedMs;
      const unanswered = timed(stage.send({ id: `unanswered${stop}` }));
      await askInVain(stage, asking, `asked${stop}`, resumesAt);
      await pause(Math.max(0, resumesAt - performance.now()));
      const noted = consumers.map(({ journal }) => journal.length);

      rig.redis.resume();
      const resumption = Stopwatch.start();
      await eventually(async () => {
        // More than one alone can start, so that each gets some.
        await stage.send(...messages(2 * CONCURRENCY));
        for (const [index, consumer] of consumers.entries())
          expect(startsOf(consumer, noted[index])).toBeGreaterThan(0);
      });
      resumption.expectAtMost(RESUMPTION_MS);

      const { outcome, watch } = await unanswered;
      watch.expectAtMost(COMMAND_DEADLINE_MS + SLACK_MS);
      if (stoppedMs > COMMAND_DEADLINE_MS + SLACK_MS) expect(outcome).toEqual(['unknown']);
      await sending;
      await stage.untilAllHome();
    }
    const handled = new Set(stage.ledger.idsOf('end'));
    expect(stage.ledger.sent('confirmed').filter((id) => !handled.has(id))).toEqual([]);
    // What its caller gave up is not run.
    expect(stage.ledger.idsOf('start').filter((id) => id.startsWith('asked'))).toEqual([]);
    // Each may have had its handlers running, and as many results under way.
    const account = await stage.balance(stops.length * consumers.length * CONCURRENCY * 2);
    expect(account.dead).toEqual([]);
  });
});

/** One request after the other. Each has to be over before Redis goes on. */
async function askInVain(
  stage: FaultStage,
  client: RedisQueueClient,
  id: string,
  resumesAt: number,
): Promise<void> {
  const lastAt = resumesAt - REQUEST_TIMEOUT_MS - SLACK_MS;
  for (let asked = 0; performance.now() < lastAt; asked += 1) {
    const { outcome, watch } = await timed(stage.ask({ id: `${id}.${asked}` }, client));
    watch.expectAtMost(REQUEST_TIMEOUT_MS + SLACK_MS);
    if (asked === 0) expect(outcome).toBeInstanceOf(RequestTimeoutError);
    expect(['REQUEST_TIMEOUT', 'OUTCOME_UNKNOWN', 'REDIS_UNAVAILABLE']).toContain(codeOf(outcome));
  }
}

function startsOf(consumer: ConsumerProcess, since = 0): number {
  return consumer.journal.slice(since).filter(({ event }) => event === 'start').length;
}

/** How the call ended, and when. */
async function timed(call: Promise<unknown>): Promise<{ outcome: unknown; watch: Stopwatch }> {
  const watch = Stopwatch.start();
  const outcome = await call.catch((error: unknown) => error);
  return { outcome, watch: watch.stop() };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
