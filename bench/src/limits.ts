import 'reflect-metadata'; // before anything of Nest
import { nowMs, pause } from './clock.js';
import type { Consumer, ConsumerSettings, Handler, Target } from './contestant.js';
import { CONTESTANTS } from './contestants.js';
import { openConsumer, openProducer } from './contestants/ours.js';
import { MessageFactory } from './message.js';
import { sendOne } from './send-one.js';
import type { BenchServer } from './servers/server.js';
import { withRedis } from './servers/with-redis.js';
import { Stage } from './stage.js';

/**
 * How exactly a limit of a queue is kept, and what it costs to be held back: `npm run bench:limits`. Prints two tables.
 */

type Limit = NonNullable<ConsumerSettings['limit']>;

const RATE = 10_000;
const SECONDS = 10;
const BYTES = 256;
const WINDOW = 1_000;
/** By then, consumers have started, and the burst after a rest is over. */
const CALM_MS = 2_000;

const SLEEPERS = 30;
const HELD_BACK = 200;
const SLEEP_SECONDS = 20;
/** By then, the first ones have started, and nobody takes any more. */
const ASLEEP_MS = 5_000;

const SETTINGS: ConsumerSettings = {
  verb: 'push',
  concurrency: undefined,
  prefetch: undefined,
  batch: undefined,
  patterns: 1,
};

console.log(`rate: ${RATE}, measured over ${SECONDS} s\n`);
for (const processes of [1, 4]) {
  const perSecond = await withRedis((server) => rateOf(server, processes));
  const off = ((perSecond / RATE - 1) * 100).toFixed(2);
  console.log(`${processes} consumer processes: ${perSecond.toFixed(0)} a second, ${off} % off`);
}

console.log(`\n${SLEEPERS} consumers, over ${SLEEP_SECONDS} s\n`);
const SLEEPS: readonly (readonly [string, number, Limit | undefined])[] = [
  ['an empty queue without a limit', 0, undefined],
  [`${HELD_BACK} messages behind rate: 1 a minute`, HELD_BACK, { rate: 1, perMs: 60_000 }],
  [`${HELD_BACK} messages behind running: 1`, HELD_BACK, { running: 1 }],
];
for (const [title, messages, limit] of SLEEPS) {
  const { commands, cpuUs } = await withRedis((server) => sleepingCost(server, messages, limit));
  console.log(
    `${title}: ${commands.toFixed(1)} Redis commands and ${cpuUs.toFixed(0)} µs of its CPU a second`,
  );
}

/** How many messages were started in a second, by all processes together. */
async function rateOf(server: BenchServer, processes: number): Promise<number> {
  const [ours] = CONTESTANTS;
  if (ours === undefined) throw new Error('ours is the first');
  const stage = new Stage(ours, server, 'limited', BYTES, processes);
  try {
    await stage.openProducer('push');
    const limited = { ...SETTINGS, limit: { rate: RATE } };
    // Once before, so that they know the messages.
    await stage.openConsumers(limited);
    await stage.closeConsumers();
    const count = RATE * (SECONDS + CALM_MS / 1_000 + 3);
    const run = await stage.announce(count);
    await stage.send(run, count, WINDOW);
    await stage.openConsumers(limited);
    await pause(CALM_MS);
    const before = await startedOf(stage);
    await pause(SECONDS * 1_000);
    const after = await startedOf(stage);
    return after.reduce((sum, { started, at }, index) => {
      const first = before[index];
      return first === undefined
        ? sum
        : sum + (started - first.started) / ((at - first.at) / 1_000);
    }, 0);
  } finally {
    await stage.close();
  }
}

function startedOf(stage: Stage): Promise<{ readonly started: number; readonly at: number }[]> {
  return Promise.all(
    stage.consumers.map(async (consumer) => {
      const { received } = await consumer.call('account', undefined);
      return { started: received, at: nowMs() };
    }),
  );
}

/** What Redis does in a second while consumers wait: commands, those within scripts included, and its CPU time. */
async function sleepingCost(
  server: BenchServer,
  messages: number,
  limit: Limit | undefined,
): Promise<{ readonly commands: number; readonly cpuUs: number }> {
  const target: Target = { url: server.url, queue: 'sleepers' };
  await fill(target, messages);
  let endAll = (): void => undefined;
  const ended = new Promise<void>((resolve) => (endAll = resolve));
  const handler: Handler = () => ended;
  const consumers: Consumer[] = [];
  for (let n = 0; n < SLEEPERS; n += 1)
    consumers.push(await openConsumer(target, { ...SETTINGS, limit }, handler));
  await pause(ASLEEP_MS);
  const before = await server.figures();
  await pause(SLEEP_SECONDS * 1_000);
  const after = await server.figures();
  endAll();
  await Promise.all(consumers.map((consumer) => consumer.close()));
  const each = (end = NaN, start = NaN): number => (end - start) / SLEEP_SECONDS;
  return {
    commands: each(after.redis?.commands, before.redis?.commands),
    cpuUs: each(after.cpuUs, before.cpuUs),
  };
}

async function fill(target: Target, messages: number): Promise<void> {
  const factory = new MessageFactory(BYTES);
  const producer = await openProducer(target, 'push');
  for (let n = 0; n < messages; n += 1) await sendOne(producer, factory.make(1, n));
  await producer.close();
}
