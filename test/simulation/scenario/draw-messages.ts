import {
  HIGHEST_PRIORITY,
  USUAL_PRIORITY,
} from '../../../libs/redis-queue-transport/src/core/message/priority.js';
import type { Random } from '../time/random.js';
import { BUSY_MS } from './scenario.js';
import type { Among, MessagePlan, QueuePlan, Step } from './scenario.js';

const ALL_PRIORITIES = Array.from({ length: HIGHEST_PRIORITY + 1 }, (_, priority) => priority);

export function messagesOf(
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
        dataKey: undefined,
        priority: undefined,
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

export function withKeysAndPressure(
  chance: Random,
  messages: readonly MessagePlan[],
  queues: readonly QueuePlan[],
): readonly MessagePlan[] {
  const sent = withKeys(chance.named('keys'), messages);
  const keyed = withDataKeys(chance.named('keys in data'), sent, queues);
  const slowing = withSlowKeys(chance.named('slow keys'), keyed);
  return withBackPressure(chance.named('pressure'), slowing, queues);
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

/** If handlers tell the keys, most senders give none. */
function withDataKeys(
  chance: Random,
  messages: readonly MessagePlan[],
  queues: readonly QueuePlan[],
): readonly MessagePlan[] {
  return messages.map((message) => {
    const { readsKeys } = queues.find(({ name }) => name === message.queue) ?? {};
    if (readsKeys !== true) return message;
    const { key } = message;
    return { ...message, dataKey: key, key: chance.chance(0.2) ? key : undefined };
  });
}

/** In some runs, a few handlers ask to slow their key down. */
function withSlowKeys(chance: Random, messages: readonly MessagePlan[]): readonly MessagePlan[] {
  if (chance.chance(0.5)) return messages;
  return messages.map((message) => {
    const { key, dataKey = key, steps } = message;
    const [first] = steps;
    if (dataKey === undefined || first?.does !== 'ok' || chance.chance(0.7)) return message;
    const slowDown: Step = { does: 'slowDown', ms: chance.pick([100, 1_000, 3_000]), of: 'key' };
    return { ...message, steps: [slowDown, ...steps] };
  });
}

/** In some runs, a few handlers ask to slow their queue down. Some messages for a queue with a bound wait for room. */
function withBackPressure(
  chance: Random,
  messages: readonly MessagePlan[],
  queues: readonly QueuePlan[],
): readonly MessagePlan[] {
  const slowing = chance.chance(0.25) ? 0.15 : 0;
  return messages.map((message) => {
    const { maxLength } = queues.find(({ name }) => name === message.queue) ?? {};
    const waits = maxLength !== undefined && chance.chance(0.5);
    const [first] = message.steps;
    const slows = first?.does === 'ok' && chance.chance(slowing);
    const slowDown: Step = { does: 'slowDown', ms: chance.pick([100, 1_000, 3_000]), of: 'queue' };
    return {
      ...message,
      waitForRoomMs: waits ? chance.pick([200, 3_000, 20_000]) : undefined,
      steps: slows ? [slowDown, ...message.steps] : message.steps,
    };
  });
}

/** In some runs, messages have different priorities. In half of the calm ones of these, handlers are slow, so that many wait. */
export function withPriorities(
  chance: Random,
  messages: readonly MessagePlan[],
  isCalm: boolean,
): readonly MessagePlan[] {
  if (chance.chance(isCalm ? 0.5 : 0.7)) return messages;
  const levels = chance.pick([[9, 0], [9, 4], [4, 0], [9, 4, 0], ALL_PRIORITIES]);
  const isSlow = isCalm && chance.chance(0.5);
  return messages.map((message) => {
    const priority = chance.pick(levels);
    return {
      ...message,
      steps: isSlow ? [{ does: 'ok', ms: chance.pick([150, 400]) }] : message.steps,
      priority: priority === USUAL_PRIORITY ? undefined : priority,
    };
  });
}

/** In some runs, handlers take so long that their consumers seldom have a free place: then a failover finds them so. */
export function withBusyHandlers(
  chance: Random,
  messages: readonly MessagePlan[],
): readonly MessagePlan[] {
  if (chance.chance(0.5)) return messages;
  return messages.map((message) => {
    const [first, ...others] = message.steps;
    if (first?.does !== 'ok') return message;
    return { ...message, steps: [{ does: 'ok', ms: chance.pick([60, 200, 600]) }, ...others] };
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
