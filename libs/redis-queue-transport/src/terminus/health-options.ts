import type { RedisQueueAdmin, RedisQueueHealth } from '../index.js';
import {
  invalid,
  milliseconds,
  objectWith,
  resolveOptions,
  wholeNumber,
} from '../core/options/options.js';
import type { Rule } from '../core/options/options.js';

/** A `RedisQueueServer` or `RedisQueueClient`. */
export interface HasHealth {
  health(): RedisQueueHealth;
}

/** A queue beyond one of these is degraded. A value without a limit is not looked at. */
export interface QueueLimits {
  /** How many messages may wait. */
  readonly waiting?: number | undefined;
  /** How old, in ms, the oldest message may be that is first in the queue, in its priority or of its key. */
  readonly oldestAgeMs?: number | undefined;
}

/** What Redis may do without counting as degraded. */
export type AcceptedRisk = 'eviction' | 'persistence';

export interface RedisQueueHealthOptions {
  /** The servers and clients that have to work. */
  readonly of: readonly HasHealth[];
  /**
   * Looks at queues and at Redis's settings, over a connection of its own. Without it, these are never looked at. Its
   * Redis user may be the observer of docs/permissions.md.
   */
  readonly admin?: RedisQueueAdmin | undefined;
  /** Queues to look at, by name, and their limits; their dead letters are watched too. Default: none. */
  readonly queues?: Readonly<Record<string, QueueLimits>> | undefined;
  /**
   * How long, in ms, Redis may be silent, calls of a consumer may be refused, or a lease may be lost, before the status
   * is down; until then, it is degraded. If this is too short, each restart of Redis takes all replicas out at once.
   * Default 10,000.
   */
  readonly downAfterMs?: number | undefined;
  /** For how long, in ms, new dead letters keep it degraded. Default 600,000 (10 minutes). */
  readonly deadLettersForMs?: number | undefined;
  /** Shortest time, in ms, between two looks at queues and Redis, however often probes ask. Default 5,000. */
  readonly lookEveryMs?: number | undefined;
  /** Risks that you accept: that Redis may evict keys, or that it keeps no append-only file. Default: none. */
  readonly accept?: readonly AcceptedRisk[] | undefined;
}

export interface ResolvedHealthOptions {
  readonly of: readonly HasHealth[];
  readonly admin: RedisQueueAdmin | undefined;
  readonly queues: ReadonlyMap<string, QueueLimits>;
  readonly downAfterMs: number;
  readonly deadLettersForMs: number;
  readonly lookEveryMs: number;
  readonly accept: ReadonlySet<AcceptedRisk>;
}

const RISKS: readonly AcceptedRisk[] = ['eviction', 'persistence'];

const hasHealth = objectWith<HasHealth>('health');

const listOfHealths: Rule<readonly HasHealth[]> = (value, option) => {
  if (!Array.isArray(value) || value.length === 0)
    throw invalid(option, 'a list of servers and clients', value);
  return value.map((one: unknown, index) => hasHealth(one, `${option}[${index}]`));
};

const limits: Rule<ReadonlyMap<string, QueueLimits>> = (value, option) => {
  if (typeof value !== 'object' || value === null)
    throw invalid(option, 'an object with the limits of each queue', value);
  const named = Object.entries(value).map(([queue, given]: [string, unknown]) => {
    const path = `${option}["${queue}"]`;
    if (typeof given !== 'object' || given === null)
      throw invalid(path, 'an object with waiting, oldestAgeMs', given);
    const rules = { waiting: wholeNumber('messages', 0), oldestAgeMs: milliseconds(0) };
    const none: QueueLimits = { waiting: undefined, oldestAgeMs: undefined };
    return [queue, resolveOptions<QueueLimits>(given, rules, none, path, `${path}.`)] as const;
  });
  return new Map(named);
};

const risks: Rule<ReadonlySet<AcceptedRisk>> = (value, option) => {
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  const known = RISKS.filter((risk) => given.includes(risk));
  if (known.length !== given.length)
    throw invalid(option, `a list of ${RISKS.map((risk) => `'${risk}'`).join(', ')}`, value);
  return new Set(known);
};

const DEFAULTS: ResolvedHealthOptions = {
  of: [],
  admin: undefined,
  queues: new Map(),
  downAfterMs: 10_000,
  deadLettersForMs: 600_000,
  lookEveryMs: 5_000,
  accept: new Set(),
};

/** @throws InvalidOptionError */
export function resolveHealthOptions(given: RedisQueueHealthOptions): ResolvedHealthOptions {
  const options = resolveOptions<ResolvedHealthOptions>(
    given,
    {
      of: listOfHealths,
      admin: objectWith<RedisQueueAdmin>('overview'),
      queues: limits,
      downAfterMs: milliseconds(0),
      deadLettersForMs: milliseconds(0),
      lookEveryMs: milliseconds(0),
      accept: risks,
    },
    DEFAULTS,
    'RedisQueueHealthIndicator',
  );
  if (options.of.length === 0) throw invalid('of', 'a list of servers and clients', given.of);
  if (options.queues.size > 0 && options.admin === undefined)
    throw invalid('admin', 'given if there are queues to look at', options.admin);
  return options;
}
