import { describe, expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { SEED, randomNumbers, rounds, timeFor } from '../support/seed.js';
import { FaultStage, SLACK_MS } from './fault-stage.js';
import { Stopwatch } from '../support/stopwatch.js';

const rig = redisRig({ settings: { appendonly: 'yes', appendfsync: 'always' } });

jest.setTimeout(timeFor(3, 60_000));

/** The longest pause between two tries to connect, and then between two tries to take. */
const LONGEST_PAUSES_MS = 1_000 + 1_000;

// Even with everysec, a kill -9 of Redis loses nothing: the kernel has what was written. Only a crash of the kernel would.
describe.each(['always', 'everysec'])('kill -9 of Redis with appendfsync %s', (appendfsync) => {
  test(`loses nothing that was confirmed, and consumers go on by themselves (seed ${SEED})`, async () => {
    await rig.commands.config('SET', 'appendfsync', appendfsync);
    const random = randomNumbers(SEED);
    const stage = await FaultStage.open(rig);
    const concurrency = 5;
    await stage.startConsumer({ concurrency });
    await stage.startConsumer({ concurrency });
    const kills = rounds(3);
    let sent = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      let isSending = true;
      const sending = (async () => {
        while (isSending) {
          await stage.send(
            ...[1, 2, 3].map(() => ({ id: `m${(sent += 1)}`, workMs: Math.floor(random() * 10) })),
          );
        }
      })();
      const before = stage.entries().length;
      const many = 20 + Math.floor(random() * 60);
      await eventually(() => expect(stage.entries().length).toBeGreaterThan(before + many));
      await rig.redis.kill();
      isSending = false;
      await sending;
      await rig.redis.restart();
      await eventually(() => rig.commands.config('SET', 'appendfsync', appendfsync));
      const watch = Stopwatch.start();
      const ends = stage.ledger.idsOf('end').length;
      await stage.send({ id: `after${kill}` });
      await eventually(() => expect(stage.ledger.idsOf('end').length).toBeGreaterThan(ends));
      watch.expectAtMost(LONGEST_PAUSES_MS + SLACK_MS);
    }
    await stage.untilAllHome();
    // Each consumer may have had its handlers running, or their results under way, when Redis went away.
    const account = await stage.balance(kills * concurrency * 2);
    expect(account.dead).toEqual([]);
  });
});
