import type { KeyLimit } from '../../../libs/redis-queue-transport/src/core/broker/per-key.js';
import { subscriptionQueue } from '../../../libs/redis-queue-transport/src/core/message/queue-name.js';
import { Random } from '../time/random.js';
import { actsOf, calmActs, keyActs, readerActs, takeoverActs } from './draw-acts.js';
import {
  messagesOf,
  withBusyHandlers,
  withKeysAndPressure,
  withPriorities,
} from './draw-messages.js';
import { BUSY_MS } from './scenario.js';
import type { ConsumerPlan, ProcessPlan, QueuePlan, Scenario } from './scenario.js';

/** Takes the events of a queue that is one of events. */
export const GROUP = 'g';

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
  const planned = withPriorities(
    chance.named('priorities'),
    // First in, first out is only true of messages without keys.
    isCalm ? messages : withKeysAndPressure(chance, messages, queues),
    isCalm,
  );
  const takeovers = isCalm ? [] : takeoverActs(chance.named('takeovers'), among, planned);
  const acts = isCalm
    ? calmActs(chance.named('acts'))
    : [
        ...actsOf(chance.named('acts'), among),
        ...keyActs(chance.named('acts of keys'), queues, planned),
        ...readerActs(chance.named('acts of readers'), among),
        ...takeovers,
      ];
  const slowMs = isCalm ? 5 : chance.named('network').pick([5, 40, 120]);
  return {
    seed,
    isCalm,
    queues,
    processes,
    senders,
    messages: takeovers.length > 0 ? withBusyHandlers(chance.named('busy'), planned) : planned,
    acts: [...acts].sort((one, other) => one.atMs - other.atMs),
    network: { leastMs: 0.2, mostMs: 2, slowMs },
  };
}

function calmQueue(chance: Random): QueuePlan {
  return { ...queueOf(chance.named('queue'), 'a'), batchSize: undefined, onceMs: undefined };
}

function queuesOf(chance: Random): QueuePlan[] {
  const names = chance.chance(0.4) ? ['a', 'b'] : ['a'];
  return names.map((name) => {
    const queue = withLimits(chance.named(`limits of ${name}`), queueOf(chance, name));
    return chance.chance(0.25) ? ofEvents(chance.named(`events of ${name}`), queue) : queue;
  });
}

/** The same for the events of a group. */
function ofEvents(chance: Random, queue: QueuePlan): QueuePlan {
  const { name: pattern } = queue;
  const name = subscriptionQueue({ group: GROUP, pattern });
  const readsKeys = chance.chance(0.5);
  return { ...queue, name, eventsOf: pattern, readsKeys, keyMs: chance.pick([0, 20, 150]) };
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
    perKey: { running: 1, rate: undefined, perMs: 1_000 },
    readsKeys: false,
    keyMs: 0,
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
    perKey: keyLimitOf(chance.named('of keys'), chance.pick([1, 1, 2])),
    maxLength: chance.chance(0.2) ? chance.pick([1, 3, 8]) : undefined,
  };
}

function keyLimitOf(chance: Random, running: number): KeyLimit {
  const rate = chance.chance(0.4) ? chance.pick([2, 5, 20]) : undefined;
  return { running, rate, perMs: chance.pick([500, 1_000, 3_000]) };
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
  const prefetch = concurrency + chance.pick([0, 0, 2, 5]);
  const readsKeys = chance.named(`keys of ${queue} ${concurrency}`).chance(0.8);
  return { queue, concurrency, prefetch, readsKeys };
}
