import { cpuSum, serverShare, type Figures } from './figures.js';
import type { Extent } from './measure-flow.js';
import type { Stage } from './stage.js';
import type { DrainWorkload } from './workloads.js';

const FILL_WINDOW = 1_000;
/** The clock starts with the first message: before it, the consumer connects. */
const FIRST = 1;
const MOST_WARM_UP = 10_000;
/** With fewer, the buffers of connections take more memory than the messages. */
const LEAST_FOR_MEMORY = 5_000;

/**
 * A consumer warms up and leaves, since some contestants only keep messages for consumers that have listened before.
 * Then a backlog is sent, and the consumer comes back.
 */
export async function measureDrain(
  stage: Stage,
  workload: DrainWorkload,
  { messages }: Extent,
): Promise<Figures> {
  const { verb, concurrency, prefetch, batch, handlerMs } = workload;
  const backlog = messages ?? workload.backlog;
  const settings = { verb, concurrency, prefetch, batch };

  await stage.openConsumers(settings, handlerMs);
  await stage.openProducer(verb);
  await stage.flow(Math.min(MOST_WARM_UP, Math.ceil(backlog / 5)), FILL_WINDOW);
  await stage.closeConsumers();

  const empty = await stage.server.figures();
  const run = await stage.announce(backlog, FIRST);
  const sent = await stage.send(run, backlog, FILL_WINDOW);
  const full = await stage.server.figures();
  await stage.openConsumers(settings, handlerMs);
  const [consumed] = await stage.results(run);
  const drained = await stage.server.figures();
  if (consumed === undefined) throw new Error('a drain has one consumer');

  const figures: Figures = {
    perSecond: (consumed.measured / (consumed.endedAt - consumed.startedAt)) * 1000,
    producerCpuUs: sent.cpuUs / backlog,
    consumerCpuUs: consumed.cpuUs / consumed.measured,
    ...serverShare(full, drained, backlog),
  };
  Object.assign(figures, cpuSum(figures.consumerCpuUs, figures.serverCpuUs));
  if (full.redis && empty.redis && backlog >= LEAST_FOR_MEMORY)
    figures.bytesPerQueued = (full.redis.memoryBytes - empty.redis.memoryBytes) / backlog;
  return figures;
}
