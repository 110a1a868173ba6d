import { subscriptionQueue } from '../../../libs/redis-queue-transport/src/core/message/queue-name.js';
import { Random } from '../time/random.js';
import type {
  Act,
  ConsumerPlan,
  MessagePlan,
  ProcessPlan,
  QueuePlan,
  Scenario,
  Step,
} from './scenario.js';

/** Takes the events of a queue that is one of events. */
export const GROUP = 'g';

/** Messages are sent, and things go wrong, in this time. */
const BUSY_MS = 8_000;

/**
 * The largest step of Redis's clock. Several of them stay below the 15 minutes for which late commands of a dead consumer
 * are looked for: what a longer step forward can do is said in docs/guarantees.md.
 */
const CLOCK_STEP_MS = 240_000;

/** Draws what happens in the run of a seed. */
export function makeScenario(seed: string): Scenario {
  const chance = new Random(seed);
  const isCalm = chance.named('kind').chance(0.15);
  const queues = isCalm ? [calmQueue(chance)] : queuesOf(chance.named('queues'));
  const processes = processesOf(chance.named('processes'), queues, isCalm);
  // Only of one sender it is known in which order Redis got its messages.
  const senderCount = isCalm ? 1 : chance.named('senders').between(1, 3);
  const senders = Array.from({ length: senderCount }, (_, index) => `sender${index + 1}`);
  const among = { queues, processes, senders };
  const messages = messagesOf(chance.named('messages'), among, isCalm);
  // First in, first out is only true of messages without keys.
  const keyed = isCalm ? messages : withKeys(chance.named('keys'), messages);
  const planned = isCalm ? keyed : withBackPressure(chance.named('pressure'), keyed, queues);
  const acts = isCalm ? calmActs(chance.named('acts')) : actsOf(chance.named('acts'), among);
  const slowMs = isCalm ? 5 : chance.named('network').pick([5, 40, 120]);
  return {
    seed,
    isCalm,
    queues,
    processes,
    senders,
    messages: planned,
    acts: [...acts].sort((one, other) => one.atMs - other.atMs),
    network: { leastMs: 0.2, mostMs: 2, slowMs },
  };
}

/** Who takes part. */
type Among = Pick<Scenario, 'queues' | 'processes' | 'senders'>;

function calmQueue(chance: Random): QueuePlan {
  return { ...queueOf(chance.named('queue'), 'a'), batchSize: undefined, onceMs: undefined };
}

function queuesOf(chance: Random): QueuePlan[] {
  const names = chance.chance(0.4) ? ['a', 'b'] : ['a'];
  return names.map((name) => {
    const queue = withLimits(chance.named(`limits of ${name}`), queueOf(chance, name));
    return chance.chance(0.25) ? ofEvents(queue) : queue;
  });
}

/** The same for the events of a group. */
function ofEvents(queue: QueuePlan): QueuePlan {
  const { name: pattern } = queue;
  return { ...queue, name: subscriptionQueue({ group: GROUP, pattern }), eventsOf: pattern };
}

function queueOf(chance: Random, name: string): QueuePlan {
  return {
    name,
    eventsOf: undefined,
    leaseMs: chance.pick([1_000, 2_000, 3_000]),
    attempts: chance.between(2, 4),
    retryDelayMs: chance.pick([0, 50, 700]),
    maxCrashes: chance.between(2, 3),
    onceMs: chance.chance(0.25) ? 3_600_000 : undefined,
    timeoutMs: chance.chance(0.3) ? 1_500 : undefined,
    batchSize: chance.chance(0.15) ? 3 : undefined,
    limit: undefined,
    perKey: 1,
    maxLength: undefined,
  };
}

/** Some queues have a limit or a bound. */
function withLimits(chance: Random, queue: QueuePlan): QueuePlan {
  const running = chance.pick([undefined, 1, 2, 3]);
  const rate = running === undefined || chance.chance(0.3) ? chance.pick([5, 30]) : undefined;
  return {
    ...queue,
    limit: chance.chance(0.25) ? { running, rate, perMs: chance.pick([500, 1_000]) } : undefined,
    perKey: chance.pick([1, 1, 2]),
    maxLength: chance.chance(0.2) ? chance.pick([1, 3, 8]) : undefined,
  };
}

function processesOf(
  chance: Random,
  queues: readonly QueuePlan[],
  isCalm: boolean,
): readonly ProcessPlan[] {
  const count = isCalm ? 1 : chance.between(1, 4);
  return Array.from({ length: count }, (_, index) => ({
    name: `p${index + 1}`,
    startsAtMs: index === 0 ? 0 : chance.between(0, BUSY_MS / 2),
    rate: isCalm ? 1 : chance.pick([1, 1, 1.0002, 0.9998]),
    wallAheadMs: chance.pick([0, 0, 3_600_000, -3_600_000]),
    consumes: queues
      .filter((_queue, at) => index === 0 || at === 0 || chance.chance(0.6))
      .map(({ name }) => consumerOf(chance, name, isCalm)),
  }));
}

function consumerOf(chance: Random, queue: string, isCalm: boolean): ConsumerPlan {
  const concurrency = isCalm ? 1 : chance.pick([1, 2, 2, 4]);
  return { queue, concurrency, prefetch: concurrency + chance.pick([0, 0, 2, 5]) };
}

function messagesOf(
  chance: Random,
  { queues, processes, senders }: Among,
  isCalm: boolean,
): MessagePlan[] {
  return queues.flatMap((queue) => {
    // A handler that hangs keeps its place: one place of each consumer has to stay free.
    const places = processes.flatMap(({ consumes }) =>
      consumes.filter((consumer) => consumer.queue === queue.name),
    );
    const least = Math.min(
      ...places.map(({ concurrency }) => concurrency),
      queue.limit?.running ?? Infinity,
    );
    let hangs = queue.timeoutMs === undefined && queue.batchSize === undefined ? least - 1 : 0;
    const kills = chance.chance(0.3) ? 1 : 0;
    const count = chance.between(6, 24);
    const bursts = chance.chance(0.5);
    const isComputing = chance.chance(0.15);
    return Array.from({ length: count }, (_, index): MessagePlan => {
      const mayHang = hangs > 0 && chance.chance(0.15);
      if (mayHang) hangs -= 1;
      const kind = isCalm ? 'calm' : mayHang ? 'hang' : index < kills ? 'kill' : 'any';
      const isDelayed = queue.eventsOf === undefined && chance.chance(isCalm ? 0.6 : 0.25);
      const sentAtMs = bursts ? 1_000 * chance.between(0, 5) : chance.between(0, BUSY_MS / 2);
      return {
        id: `${queue.eventsOf ?? queue.name}${index + 1}`,
        queue: queue.name,
        sender: senders[index % senders.length] ?? 'sender1',
        key: undefined,
        sentAtMs,
        delayMs: isDelayed ? chance.between(100, 4_000) : undefined,
        expiresInMs: !isCalm && chance.chance(0.08) ? chance.between(50, 5_000) : undefined,
        deduplicateMs: chance.chance(0.2) ? 3_600_000 : undefined,
        waitForRoomMs: undefined,
        steps: stepsOf(chance, kind, queue, isComputing),
      };
    });
  });
}

/** In some runs, a few handlers ask to slow their queue down. Some messages for a queue with a bound wait for room. */
function withBackPressure(
  chance: Random,
  messages: readonly MessagePlan[],
  queues: readonly QueuePlan[],
): readonly MessagePlan[] {
  const slowing = chance.chance(0.15) ? 0.15 : 0;
  return messages.map((message) => {
    const { maxLength } = queues.find(({ name }) => name === message.queue) ?? {};
    const waits = maxLength !== undefined && chance.chance(0.5);
    const [first] = message.steps;
    const slows = first?.does === 'ok' && chance.chance(slowing);
    const slowDown: Step = { does: 'slowDown', ms: chance.pick([100, 1_000, 3_000]) };
    return {
      ...message,
      waitForRoomMs: waits ? chance.pick([200, 3_000, 20_000]) : undefined,
      steps: slows ? [slowDown, ...message.steps] : message.steps,
    };
  });
}

/** In some runs, most messages have one of a few keys. */
function withKeys(chance: Random, messages: readonly MessagePlan[]): readonly MessagePlan[] {
  if (chance.chance(0.7)) return messages;
  const keys = chance.pick([['k'], ['k', 'l'], ['k', 'l', 'm']]);
  return messages.map((message) => {
    const key = chance.chance(0.75) ? chance.pick(keys) : undefined;
    // A handler that hangs would hold up its key for ever.
    const hangs = message.steps.some(({ does }) => does === 'hang');
    return hangs ? message : { ...message, key };
  });
}

function stepsOf(
  chance: Random,
  kind: 'calm' | 'hang' | 'kill' | 'any',
  { maxCrashes }: QueuePlan,
  isComputing: boolean,
): Step[] {
  switch (kind) {
    case 'calm':
      return [{ does: 'ok', ms: chance.pick([0, 5, 40, 150]) }];
    case 'hang':
      return [{ does: 'hang' }];
    case 'kill':
      return Array.from({ length: chance.between(1, maxCrashes) }, () => ({ does: 'kill' }));
    case 'any':
      if (isComputing) return [{ does: 'compute', ms: 450 }];
      return Array.from({ length: chance.between(1, 3) }, () => stepOf(chance));
  }
}

function stepOf(chance: Random): Step {
  const drawn = chance.next();
  if (drawn < 0.66) return { does: 'ok', ms: chance.pick([0, 5, 100, 1_200]) };
  if (drawn < 0.8) return { does: 'fail', ms: chance.pick([0, 20]) };
  if (drawn < 0.86) return { does: 'later', delayMs: chance.between(1, 800) };
  if (drawn < 0.9) return { does: 'reject' };
  return { does: 'compute', ms: chance.pick([20, 150, 450]) };
}

function calmActs(chance: Random): Act[] {
  const acts: Act[] = [];
  for (let n = chance.between(0, 2); n > 0; n -= 1) {
    const atMs = chance.between(0, BUSY_MS / 2);
    acts.push({ atMs, act: 'pause', queue: 'a', by: 0 });
    acts.push({ atMs: atMs + chance.between(500, 4_000), act: 'resume', queue: 'a', by: 0 });
  }
  return acts;
}

function actsOf(chance: Random, among: Among): readonly Act[] {
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
