import { pause } from './clock.js';
import { cpuSum, serverShare, type Figures } from './figures.js';
import type { Flow, Stage } from './stage.js';
import type { FlowWorkload } from './workloads.js';

/** How long and with how many messages to measure. */
export interface Extent {
  /** How long a measured phase should take. */
  readonly seconds: number;
  /** How many messages the phase has instead. */
  readonly messages: number | undefined;
}

/** A subscription may not be active yet when listening has begun. */
const SUBSCRIBED_MS = 200;
const LEAST_COUNT = 20;
const GROWTH = 4;
/** A flow that takes this long shows the rate … */
const WARM_SECONDS = 0.4;
/** … and after this many messages the code is warm; fewer are enough if they go slowly, or few at a time. */
const WARM_COUNT = 10_000;
const WARM_PER_WINDOW = 1_000;
const PATIENCE_SECONDS = 2;
const MOST_MESSAGES = 1_000_000;

/** Sends growing flows until the code is warm, and then the one that is measured. */
export async function measureFlow(
  stage: Stage,
  { verb, window }: FlowWorkload,
  { seconds, messages }: Extent,
): Promise<Figures> {
  await stage.openConsumers({ verb });
  await stage.openProducer(verb);
  await pause(SUBSCRIBED_MS);
  const perSecond = await warmUp(stage, window);
  const count = messages ?? clamp(Math.ceil(perSecond * seconds), LEAST_COUNT, MOST_MESSAGES);
  const before = await stage.server.figures();
  const measured = await stage.flow(count, window);
  const after = await stage.server.figures();
  const figures = figuresOf(measured);
  const server = serverShare(before, after, measured.count);
  const cpu = cpuSum(figures.producerCpuUs, figures.consumerCpuUs, server.serverCpuUs);
  return { ...figures, ...server, ...cpu };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** Returns the rate of the last flow. */
async function warmUp(stage: Stage, window: number): Promise<number> {
  const enough = Math.min(WARM_COUNT, window * WARM_PER_WINDOW);
  for (let count = Math.max(LEAST_COUNT, window / 5); ; count *= GROWTH) {
    const perSecond = rateOf(await stage.flow(count, window));
    if (!(perSecond > 0)) return LEAST_COUNT; // everything was lost
    const seconds = count / perSecond;
    if (seconds >= PATIENCE_SECONDS || (seconds >= WARM_SECONDS && count >= enough))
      return perSecond;
  }
}

/** The rate of messages that arrived everywhere, from sending the first to handling or answering the last. */
function rateOf({ sent, consumed }: Flow): number {
  const endedAt = Math.max(
    sent.latencyUs === undefined ? 0 : sent.endedAt,
    ...consumed.map((result) => result.endedAt),
  );
  const received = Math.min(...consumed.map(({ account }) => account.received));
  return (received / (endedAt - sent.startedAt)) * 1000;
}

function figuresOf(flow: Flow): Figures {
  const { count, sent, consumed } = flow;
  const consumerCpuUs = consumed.reduce((sum, result) => sum + result.cpuUs, 0) / consumed.length;
  const figures: Figures = {
    perSecond: rateOf(flow),
    producerCpuUs: sent.cpuUs / count,
    consumerCpuUs: consumerCpuUs / count,
  };
  if (sent.latencyUs === undefined) return figures;
  const { p50, p90, p99, most } = sent.latencyUs;
  return { ...figures, p50Us: p50, p90Us: p90, p99Us: p99, mostUs: most };
}
