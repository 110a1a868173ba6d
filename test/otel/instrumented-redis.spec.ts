import { expect, test } from '@jest/globals';
import { NestProgram } from '../support/nest-program.js';
import { redisRig } from '../support/redis-rig.js';

const rig = redisRig();

const MESSAGES = 30;

/** How many spans of each kind there are. */
async function countsOf(requireParent: 'yes' | 'no'): Promise<Map<string, number>> {
  const program = new NestProgram('instrumented-redis', {
    REDIS_URL: rig.redis.url,
    PREFIX: rig.prefix,
    MESSAGES: String(MESSAGES),
    REQUIRE_PARENT: requireParent,
  });
  rig.closeLater(program);
  expect(await program.ended).toEqual({ code: 0, signal: null });
  await rig.commands.del('own');
  const counts = new Map<string, number>();
  for (const line of program.printed) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}

const OURS = [
  ['test caller below none', MESSAGES],
  ['nestjs-redis-queue-transport send work below caller', MESSAGES],
  ['nestjs-redis-queue-transport process work below send work', MESSAGES],
  ['nestjs-redis-queue-transport ack work below process work', MESSAGES],
];

test("with the instrumentation of ioredis, a trace has the application's commands and none of ours", async () => {
  const counts = await countsOf('yes');

  const own = ['instrumentation-ioredis set below process work', MESSAGES];
  expect([...counts].toSorted()).toEqual([...OURS, own].toSorted());
});

test('only those of ours without a trace have spans, even if it is told to make spans for them', async () => {
  const counts = await countsOf('no');

  const redis = [...counts].filter(([line]) => line.startsWith('instrumentation-ioredis'));
  const inTraces = redis.filter(([line]) => !line.endsWith('below none'));
  expect(inTraces).toEqual([['instrumentation-ioredis set below process work', MESSAGES]]);
  const ours = redis.reduce((sum, [, count]) => sum + count, 0) - MESSAGES;
  // A request and its reply, one at a time. The exact number depends on how they meet.
  expect(ours / MESSAGES).toBeLessThan(10);
});
