import { expect, test } from '@jest/globals';
import { RedisQueueRecordBuilder } from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';
import type { ConsumerProcess } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { FaultStage, SLACK_MS } from './fault-stage.js';
import { commandsGiven, refusalsOf, triesUntilPausesHaveGrown } from './refusals.js';
import { Stopwatch } from '../support/stopwatch.js';

const rig = redisRig();

/** The longest pause between two tries to connect, and then between two tries to take. */
const LONGEST_PAUSES_MS = 1_000 + 1_000;
/** So long that no renewals are among the counted tries, and nobody takes anything over. */
const LONG_LEASE_MS = 30_000;
const CONCURRENCY = 4;
/** Pauses double, so they reach the maximum after five or six tries. A hot loop would make thousands. */
const MOST_TRIES_EACH = 8;
/** How many commands a try may take: a new connection and its introduction, and a script and what it calls. */
const MOST_COMMANDS_PER_TRY = 25;

const refusals = refusalsOf(rig);

test.each(Object.entries(refusals))(
  'while Redis %s, calls fail with that and consumers pause for longer and longer, and nothing is lost',
  async (_title, prepare) => {
    const refusal = await prepare();
    const { connection, error, fields, cause } = refusal;
    const stage = await FaultStage.open(rig, connection);
    const options = { concurrency: CONCURRENCY, leaseMs: LONG_LEASE_MS };
    const consumer = await stage.startConsumer(options, connection);
    const running = Array.from({ length: CONCURRENCY }, (_, index) => `running${index}`);
    await stage.send(...running.map((id) => ({ id, holds: true })));
    await eventually(() => expect(consumer.journal).toHaveLength(CONCURRENCY));
    await stage.send(...['waiting1', 'waiting2', 'waiting3'].map((id) => ({ id })));
    const delayed = new RedisQueueRecordBuilder({ id: 'delayed' }).delay(500).build();
    await stage.ledger.send('delayed', () => firstValueFrom(stage.client.enqueue('work', delayed)));

    const triesBefore = await refusal.tries();
    const commandsBefore = await commandsGiven(rig);
    let calls = 0;
    await refusal.begin();
    try {
      // Running handlers end, and cannot be settled.
      consumer.letGo();
      const tries = await triesUntilPausesHaveGrown(refusal, triesBefore);
      expect(tries).toBeLessThan(MOST_TRIES_EACH * refusal.loops);
      const commands = (await commandsGiven(rig)) - commandsBefore;
      expect(commands).toBeLessThan(tries * MOST_COMMANDS_PER_TRY);
      await eventually(async () => {
        // A call that is under way when a connection is killed ends differently.
        await stage.send({ id: `meanwhile${(calls += 1)}` });
        const failure = stage.ledger.failures.at(-1);
        expect(failure).toBeInstanceOf(error);
        expect(failure).toMatchObject({
          ...fields,
          cause: { message: expect.stringMatching(cause) },
        });
      });
      await eventually(() => expect(consumer.output).toMatch(cause));
    } finally {
      await refusal.end();
    }
    const watch = Stopwatch.start();
    await eventually(async () => {
      const [result] = await stage.send({ id: `after${(calls += 1)}` });
      expect(result).toBe('confirmed');
    });
    await stage.untilAllHome();
    watch.expectAtMost(LONGEST_PAUSES_MS + SLACK_MS);
    const account = await stage.balance(0);
    expect(account.dead).toEqual([]);
  },
);

test('while Redis answers READONLY for longer than every lease, nothing is lost, and what was running is not run by all', async () => {
  const refusal = await refusals['answers READONLY']!();
  const stage = await FaultStage.open(rig, refusal.connection);
  const start = (): Promise<ConsumerProcess> =>
    stage.startConsumer({ concurrency: CONCURRENCY }, refusal.connection);
  const consumers = await Promise.all([start(), start()]);
  const inFlight = consumers.length * CONCURRENCY;
  const ids = Array.from({ length: 2 * inFlight }, (_, index) => `m${index}`);
  await stage.send(...ids.map((id) => ({ id, holds: true })));
  await eventually(() => expect(stage.ledger.idsOf('start')).toHaveLength(inFlight));

  await refusal.begin();
  try {
    await eventually(async () => {
      const [seconds] = await rig.commands.time();
      const ended = await rig.commands.zcount(
        `${rig.prefix}:{work}:consumers`,
        '-inf',
        Number(seconds) * 1_000,
      );
      expect(ended).toBe(consumers.length);
    });
    for (const consumer of consumers) consumer.letGo();
    await eventually(() => expect(stage.ledger.idsOf('end')).toHaveLength(inFlight));
  } finally {
    await refusal.end();
  }
  await stage.untilAllHome();
  const account = await stage.balance(inFlight);
  expect(account).toMatchObject({ handled: ids.length, dead: [] });
});
