import type { Figures } from './figures.js';
import type { Stage } from './stage.js';

const UNCONFIRMED = 1_000;
const WARM_UP = 5_000;
/** The load, as a part of the highest rate that the contestant can sustain. */
const LOAD = 0.5;
const DELAYED = { count: 1_000, leastDelayMs: 1_000, mostDelayMs: 3_000 };
const LOAD_SECONDS = 4;

/** Delayed messages come due while other messages pass through the same queue. */
export async function measureDelay(stage: Stage): Promise<Figures> {
  await stage.openConsumers({ verb: 'push' });
  await stage.openProducer('delay');
  const { count, sent, consumed } = await stage.flow(WARM_UP, UNCONFIRMED);
  const endedAt = Math.max(...consumed.map((result) => result.endedAt));
  const perSecond = ((LOAD * count) / (endedAt - sent.startedAt)) * 1000;

  const load = Math.round(perSecond * LOAD_SECONDS);
  const loadRun = await stage.announce(load);
  const delayedRun = await stage.announce(DELAYED.count);
  const loading = stage.producer.call('pace', { run: loadRun, count: load, perSecond });
  stage.note(await stage.producer.call('delay', { run: delayedRun, ...DELAYED }));
  stage.note(await loading);
  const [delayed] = await stage.results(delayedRun);
  await stage.results(loadRun);

  const lateness = delayed?.lateness;
  if (lateness === undefined) throw new Error('no delayed message arrived');
  return {
    loadPerSecond: perSecond,
    lateLeastMs: lateness.least,
    lateP50Ms: lateness.p50,
    lateP99Ms: lateness.p99,
    lateMostMs: lateness.most,
  };
}
