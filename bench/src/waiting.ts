import 'reflect-metadata'; // before anything of Nest
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { RedisQueueServer } from 'nestjs-redis-queue-transport';
import { nowMs, pause } from './clock.js';
import type { Consumer, Producer } from './contestant.js';
import { CONTESTANTS } from './contestants.js';
import { openProducer } from './contestants/ours.js';
import { asMessage, listenWithNest } from './contestants/nest.js';
import type { Bind } from './contestants/nest.js';
import { MessageFactory } from './message.js';
import { sendOne } from './send-one.js';
import type { BenchServer } from './servers/server.js';
import { withRedis } from './servers/with-redis.js';
import { Stage } from './stage.js';
import { percentilesOf } from './statistics.js';

/**
 * What waiting for messages costs: how soon a lone message is handled, what it costs Redis if many replicas wait for it, and
 * how long many servers take to start. `npm run bench:waiting` prints a table for each.
 */

const BYTES = 256;
const QUEUE = 'waiting';

/** Lone messages of each kind, and the time between two. */
const LONE = 300;
const APART_MS = 20;
const ROUNDS = 3;
/** The first two of them are kept busy where the others are to be quiet: those two block. */
const PATTERNS = 50;
const BUSY = 2;

const REPLICAS = [1, 10, 100];
/** More than may block, so that some sleep. */
const PATTERNS_OF_REPLICA = 4;
/** A renewal of leases is in each third of this time, so that it can be subtracted. */
const REPLICA_SECONDS = 30;
const REPLICA_APART_MS = 200;

const SERVERS = 200;
const DURABLE = 20;
const IDLE_SECONDS = 30;
/** By then, consumers have fallen asleep, and renewed their lease once. */
const CALM_MS = 15_000;

console.log(
  `from sending a lone message to its handler, in ms, over ${ROUNDS} × ${LONE} messages\n`,
);
await printWakeUps();
console.log('\nwhat a lone message costs Redis, sent to one of several replicas\n');
for (const replicas of REPLICAS) await withRedis((server) => printHerd(server, replicas));
console.log(
  `\n${SERVERS} servers in one process, each with ${PATTERNS - DURABLE} handlers of messages and ${DURABLE} of durable events\n`,
);
await withRedis(printStart);

async function printWakeUps(): Promise<void> {
  const all = new Map<string, number[]>();
  const note = (kind: string, p50: number): void =>
    void all.set(kind, [...(all.get(kind) ?? []), p50]);
  for (let round = 0; round < ROUNDS; round += 1) {
    note('a lone handler, which blocks', await wakeUp(1, 'busy'));
    note(`one of ${PATTERNS} handlers, of a busy queue`, await wakeUp(PATTERNS, 'busy'));
    note(`one of ${PATTERNS} handlers, of a quiet queue`, await wakeUp(PATTERNS, 'quiet'));
  }
  const [[, first] = ['', []]] = all;
  const before = percentilesOf(first).p50;
  for (const [kind, medians] of all) {
    const { p50 } = percentilesOf(medians);
    console.log(`${kind}: ${p50.toFixed(2)} (${(p50 / before).toFixed(2)} of the first)`);
  }
}

/** The median, in ms. */
function wakeUp(patterns: number, kind: 'busy' | 'quiet'): Promise<number> {
  return withRedis(async (server) => {
    const [ours] = CONTESTANTS;
    if (ours === undefined) throw new Error('ours is the first');
    const stage = new Stage(ours, server, QUEUE, BYTES, 1);
    const producers: Producer[] = [];
    try {
      await stage.openConsumers({ verb: 'push', patterns });
      const queues = Array.from({ length: patterns }, (_, n) =>
        n === 0 ? QUEUE : `${QUEUE}-${n}`,
      );
      for (const queue of queues)
        producers.push(await openProducer({ url: server.url, queue }, 'push'));
      const busy = producers.slice(0, BUSY);
      const measured = kind === 'busy' ? producers.slice(0, 1) : producers.slice(BUSY);
      // The first messages find out which queues are busy.
      await sendLone(stage, busy, busy);
      return await sendLone(stage, measured, kind === 'busy' ? [] : busy);
    } finally {
      await Promise.all(producers.map((producer) => producer.close()));
      await stage.close();
    }
  });
}

/** Sends lone messages by these producers in turn, and others by those that are kept busy. */
async function sendLone(
  stage: Stage,
  measured: readonly Producer[],
  busy: readonly Producer[],
): Promise<number> {
  const factory = new MessageFactory(BYTES);
  const run = await stage.announce(LONE);
  const others = await stage.announce(LONE * busy.length);
  for (let n = 0; n < LONE; n += 1) {
    for (const [index, producer] of busy.entries())
      await sendOne(producer, factory.make(others, n * busy.length + index));
    await pause(APART_MS / 2);
    const producer = measured[n % measured.length];
    if (producer !== undefined) await sendOne(producer, factory.make(run, n, nowMs()));
    await pause(APART_MS / 2);
  }
  const [result] = await stage.results(run);
  if (result?.lateness === undefined) throw new Error('no lone message arrived');
  return result.lateness.p50;
}

async function printHerd(server: BenchServer, replicas: number): Promise<void> {
  const patterns = Array.from({ length: PATTERNS_OF_REPLICA }, (_, n) => `${QUEUE}-${n}`);
  let handled = 0;
  const consumers: Consumer[] = [];
  for (let n = 0; n < replicas; n += 1)
    consumers.push(await serve(server, patterns, asMessage, () => (handled += 1)));
  const last = patterns[patterns.length - 1] ?? QUEUE;
  const producer = await openProducer({ url: server.url, queue: last }, 'push');
  await pause(CALM_MS);
  const idle = await costOf(server, () => pause(REPLICA_SECONDS * 1_000));
  const factory = new MessageFactory(BYTES);
  const count = (REPLICA_SECONDS * 1_000) / REPLICA_APART_MS;
  const busy = await costOf(server, async () => {
    for (let n = 0; n < count; n += 1) {
      await sendOne(producer, factory.make(1, n));
      await pause(REPLICA_APART_MS);
    }
  });
  if (handled !== count) throw new Error(`${handled} messages were handled`);
  await producer.close();
  await Promise.all(consumers.map((consumer) => consumer.close()));
  const calls = (busy.calls - idle.calls) / count;
  const commands = (busy.commands - idle.commands) / count;
  console.log(
    `${replicas} replicas: ${calls.toFixed(1)} commands of clients, ${commands.toFixed(0)} with those within scripts`,
  );
}

async function printStart(server: BenchServer): Promise<void> {
  const patterns = Array.from({ length: PATTERNS }, (_, n) => `${QUEUE}-${n}`);
  const durable = new Set(patterns.slice(-DURABLE));
  const bind: Bind = (pattern) =>
    durable.has(pattern)
      ? EventPattern<string>(pattern, { group: QUEUE })
      : MessagePattern(pattern);
  const startedAt = nowMs();
  const consumers: Consumer[] = [];
  for (let n = 0; n < SERVERS; n += 1)
    consumers.push(await serve(server, patterns, bind, () => undefined));
  console.log(`all of them listen after ${((nowMs() - startedAt) / 1_000).toFixed(1)} s`);
  const redis = new Redis(server.url);
  const clients = /connected_clients:(\d+)/.exec(await redis.info('clients'))?.[1];
  console.log(`${Number(clients) - 1} connections`);
  await pause(CALM_MS);
  redis.disconnect();
  const idle = await costOf(server, () => pause(IDLE_SECONDS * 1_000));
  const calls = idle.calls / IDLE_SECONDS / SERVERS;
  const share = (idle.cpuUs / IDLE_SECONDS / 1e6) * 100;
  console.log(`each sends ${calls.toFixed(2)} commands a second while it is idle`);
  console.log(`Redis uses ${share.toFixed(1)} % of a core then`);
  await Promise.all(consumers.map((consumer) => consumer.close()));
}

function serve(
  { url }: BenchServer,
  patterns: readonly string[],
  bind: Bind,
  handler: () => unknown,
): Promise<Consumer> {
  return listenWithNest(
    { strategy: new RedisQueueServer({ connection: url }) },
    patterns,
    bind,
    handler,
  );
}

interface Cost {
  /** How many commands clients sent. */
  readonly calls: number;
  /** The same with those within scripts. */
  readonly commands: number;
  readonly cpuUs: number;
}

async function costOf(server: BenchServer, work: () => Promise<void>): Promise<Cost> {
  const redis = new Redis(server.url);
  const monitor = await redis.monitor();
  let calls = 0;
  monitor.on('monitor', (_: string, __: string[], source: string) => {
    if (source !== 'lua') calls += 1;
  });
  const before = await server.figures();
  await work();
  const after = await server.figures();
  monitor.disconnect();
  redis.disconnect();
  return {
    calls,
    commands: (after.redis?.commands ?? NaN) - (before.redis?.commands ?? NaN),
    cpuUs: (after.cpuUs ?? NaN) - (before.cpuUs ?? NaN),
  };
}
