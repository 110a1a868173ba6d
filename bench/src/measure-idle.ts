import { pause } from './clock.js';
import type { Figures } from './figures.js';
import type { Extent } from './measure-flow.js';
import type { Stage } from './stage.js';
import type { IdleWorkload } from './workloads.js';

/** What starting costs is over by then. */
const CALM_MS = 2_000;
/** Idling costs little: less time tells nothing. */
const LEAST_SECONDS = 10;

/** Lets a consumer that got a message before wait for the next one. */
export async function measureIdle(
  stage: Stage,
  { patterns }: IdleWorkload,
  { seconds }: Extent,
): Promise<Figures> {
  await stage.openConsumers({ verb: 'push', patterns });
  await pause(CALM_MS);
  const duration = Math.max(LEAST_SECONDS, seconds);
  const [consumer] = stage.consumers;
  if (consumer === undefined) throw new Error('there is one consumer');
  const before = await stage.server.figures();
  const cpuBefore = await consumer.call('cpuUs', undefined);
  await pause(duration * 1000);
  const cpuAfter = await consumer.call('cpuUs', undefined);
  const after = await stage.server.figures();

  const consumerUs = (cpuAfter - cpuBefore) / duration;
  const figures: Figures = { idleConsumerUsPerSecond: consumerUs };
  if (before.cpuUs !== undefined && after.cpuUs !== undefined) {
    const serverUs = (after.cpuUs - before.cpuUs) / duration;
    figures.idleServerUsPerSecond = serverUs;
    figures.idleUsPerSecond = consumerUs + serverUs;
  }
  if (before.redis && after.redis) {
    figures.commandsPerSecond = (after.redis.commands - before.redis.commands) / duration;
    figures.commandsPerSecondPerPattern = figures.commandsPerSecond / patterns;
  }
  return figures;
}
