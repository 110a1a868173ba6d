import type { Random } from '../time/random.js';
import { BUSY_MS } from './scenario.js';
import type { Act, Among, MessagePlan, QueuePlan } from './scenario.js';

/**
 * The largest step of Redis's clock. Several of them stay below the 15 minutes for which late commands of a dead consumer
 * are looked for: what a longer step forward can do is said in docs/guarantees.md.
 */
const CLOCK_STEP_MS = 240_000;

export function calmActs(chance: Random): Act[] {
  const acts: Act[] = [];
  for (let n = chance.between(0, 2); n > 0; n -= 1) {
    const atMs = chance.between(0, BUSY_MS / 2);
    acts.push({ atMs, act: 'pause', queue: 'a', by: 0 });
    acts.push({ atMs: atMs + chance.between(500, 4_000), act: 'resume', queue: 'a', by: 0 });
  }
  return acts;
}

export function actsOf(chance: Random, among: Among): readonly Act[] {
  const count = chance.between(1, 9);
  const acts = Array.from({ length: count }, () => actOf(chance, among)).flat();
  // Where its wall clock is set back meanwhile, no clock of a machine shows that it slept.
  const sleepers = acts.flatMap((act) => (act.act === 'sleep' ? [act.process] : []));
  return acts.filter((act) => act.act !== 'setWall' || !sleepers.includes(act.process));
}

function actOf(chance: Random, { queues, processes, senders }: Among): readonly Act[] {
  const { name, leaseMs } = chance.pick(queues);
  const of = chance.pick(processes);
  const atMs = chance.between(100, BUSY_MS);
  const longMs = chance.pick([100, leaseMs / 2, 1.5 * leaseMs, 2.5 * leaseMs]);
  const drawn = chance.next();
  const restart: Act = {
    atMs: atMs + chance.pick([50, leaseMs, 3 * leaseMs]),
    act: 'restart',
    process: of.name,
  };
  if (drawn < 0.16) return [{ atMs, act: 'kill', process: of.name }, restart];
  if (drawn < 0.24) {
    const deadlineMs = chance.pick([0, 50, 2_000]);
    return [{ atMs, act: 'stop', process: of.name, deadlineMs }, restart];
  }
  if (drawn < 0.34) return [{ atMs, act: 'freeze', process: of.name, ms: longMs }];
  if (drawn < 0.4) return [{ atMs, act: 'sleep', process: of.name, ms: longMs }];
  if (drawn < 0.68) {
    const silentMs = chance.chance(0.5) ? 0 : chance.pick([200, leaseMs, 5_000]);
    const fate = chance.pick(['never', 'late'] as const);
    const ms = chance.pick([0, 300, 2 * leaseMs]);
    const lateMs = chance.pick([5, 500, 2 * leaseMs]);
    const from = chance.pick(['now', 'next call', 'next wait'] as const);
    const process = chance.chance(0.2) ? chance.pick(senders) : of.name;
    return [{ atMs, act: 'cut', process, from, silentMs, ms, fate, lateMs }];
  }
  if (drawn < 0.78) {
    const ms = chance.pick([-CLOCK_STEP_MS, -5_000, 700, 5_000, CLOCK_STEP_MS]);
    return [{ atMs, act: 'setRedisClock', ms }];
  }
  if (drawn < 0.83) return [{ atMs, act: 'freezeRedis', ms: longMs }];
  if (drawn < 0.93) {
    return [
      { atMs, act: 'pause', queue: name, by: 0 },
      { atMs: atMs + longMs, act: 'resume', queue: name, by: chance.pick([0, 1]) },
    ];
  }
  if (drawn < 0.96) {
    const ms = chance.pick([-3_600_000, -2_000, 2_000, 3_600_000]);
    return [{ atMs, act: 'setWall', process: of.name, ms }];
  }
  const redrive: Act = { atMs, act: 'redrive', queue: name, by: 0 };
  return chance.chance(0.5) ? [redrive, { ...redrive, by: 1 }] : [redrive];
}

/** In some runs with keys, administrators pause one of them, and resume it. */
export function keyActs(
  chance: Random,
  queues: readonly QueuePlan[],
  messages: readonly MessagePlan[],
): readonly Act[] {
  const keys = [...new Set(messages.flatMap(({ key, dataKey }) => key ?? dataKey ?? []))];
  if (keys.length === 0 || chance.chance(0.5)) return [];
  return Array.from({ length: chance.between(1, 4) }, (): readonly Act[] => {
    const of = { queue: chance.pick(queues).name, key: chance.pick(keys) };
    const atMs = chance.between(100, BUSY_MS / 2);
    const resumedAtMs = atMs + chance.pick([50, 1_000, 4_000]);
    const pause: Act = { atMs, act: 'pauseKey', ...of, by: 0 };
    const resume: Act = { atMs: resumedAtMs, act: 'resumeKey', ...of, by: chance.pick([0, 1]) };
    // At the end of all faults, every key is resumed.
    return chance.chance(0.8) ? [pause, resume] : [pause];
  }).flat();
}

/** Where handlers read keys, processes are cut off while they do so, and what they have found arrives late. */
export function readerActs(chance: Random, { queues, processes }: Among): readonly Act[] {
  if (!queues.some(({ readsKeys }) => readsKeys)) return [];
  return Array.from({ length: chance.between(0, 4) }, (): Act => {
    const atMs = chance.between(100, BUSY_MS / 2);
    const process = chance.pick(processes).name;
    const lateMs = chance.pick([5, 60, 120, 500]);
    const outage = { silentMs: chance.pick([0, 0, 200]), ms: chance.pick([0, 0, 300]) };
    return { atMs, act: 'cut', process, from: 'next reading', ...outage, fate: 'late', lateMs };
  });
}

/** In some runs, a replica becomes the primary, once or twice, or everything moves to another place. */
export function takeoverActs(
  chance: Random,
  { processes }: Among,
  messages: readonly MessagePlan[],
): readonly Act[] {
  const drawn = chance.next();
  if (drawn > 0.35) return [];
  if (drawn > 0.25)
    return [{ atMs: chance.between(100, BUSY_MS), act: 'move', ms: chance.pick([20, 300, 2_500]) }];
  const hanging = messages.filter(({ steps }) => steps.some(({ does }) => does === 'hang'));
  const sent = (hanging.length > 0 ? hanging : messages).map(({ sentAtMs }) => sentAtMs);
  const started = processes.map(({ startsAtMs }) => startsAtMs);
  return Array.from({ length: chance.pick([1, 1, 2]) }, () => failoverOf(chance, sent, started));
}

/** Often shortly after messages were sent or a process was started: the replica has missed a part of what came then. */
function failoverOf(
  chance: Random,
  sentAtMs: readonly number[],
  startedAtMs: readonly number[],
): Act {
  const drawn = chance.next();
  const soonAfterMs = chance.pick(drawn < 0.15 ? startedAtMs : sentAtMs);
  return {
    atMs: drawn < 0.7 ? soonAfterMs + chance.between(4, 40) : chance.between(100, BUSY_MS),
    act: 'failover',
    lagMs: chance.pick([0, 3, 20, 60, 300, 1_500]),
    silentMs: chance.pick([0, 0, 200, 3_000]),
    awayMs: chance.pick([0, 100, 1_000, 4_000]),
    clockMs: chance.pick([0, 0, -300, 300, -3_000, 3_000]),
  };
}
