import { pause } from './clock.js';
import type { Figures } from './figures.js';
import type { Extent } from './measure-flow.js';
import type { Stage } from './stage.js';
import type { IdleWorkload } from './workloads.js';

/** By then, the cost of starting is over. */
const CALM_MS = 2_000;
/** Idling costs little, so a shorter time says nothing. */
const LEAST_SECONDS = 10;
/**
 * V8 gives memory back once, some seconds after a process becomes idle, and that costs more than idling for a minute.
 * It affects one or two of these windows, and the quietest one counts.
 */
const WINDOWS = 3;

/** Lets a consumer that got a message before wait for the next one. */
export async function measureIdle(
  stage: Stage,
  { patterns }: IdleWorkload,
  { seconds }: Extent,
): Promise<Figures> {
  await stage.openConsumers({ verb: 'push', patterns });
  await pause(CALM_MS);
  const duration = Math.max(LEAST_SECONDS, seconds);
  const before = await stage.server.figures();
  const windows: Cost[] = [];
  for (let n = 0; n < WINDOWS; n += 1) windows.push(await costOf(stage, duration));
  const after = await stage.server.figures();

  const [quietest] = windows.sort((one, other) => sum(one) - sum(other));
  if (quietest === undefined) throw new Error('there is one window');
  const { consumerUs, serverUs } = quietest;
  const figures: Figures = { idleConsumerUsPerSecond: consumerUs };
  if (serverUs !== undefined) {
    figures.idleServerUsPerSecond = serverUs;
    figures.idleUsPerSecond = consumerUs + serverUs;
  }
  if (before.redis && after.redis) {
    const commands = after.redis.commands - before.redis.commands;
    figures.commandsPerSecond = commands / (WINDOWS * duration);
    figures.commandsPerSecondPerPattern = figures.commandsPerSecond / patterns;
  }
  return figures;
}

/** CPU time for each second. */
interface Cost {
  readonly consumerUs: number;
  readonly serverUs: number | undefined;
}

function sum({ consumerUs, serverUs = 0 }: Cost): number {
  return consumerUs + serverUs;
}

async function costOf(stage: Stage, seconds: number): Promise<Cost> {
  const [consumer] = stage.consumers;
  if (consumer === undefined) throw new Error('there is one consumer');
  const server = await stage.server.figures();
  const consumerUs = await consumer.call('cpuUs', undefined);
  await pause(seconds * 1000);
  const consumerUsAfter = await consumer.call('cpuUs', undefined);
  const serverAfter = await stage.server.figures();
  return {
    consumerUs: (consumerUsAfter - consumerUs) / seconds,
    serverUs:
      server.cpuUs === undefined || serverAfter.cpuUs === undefined
        ? undefined
        : (serverAfter.cpuUs - server.cpuUs) / seconds,
  };
}
