import type { Deserializer, Serializer } from '@nestjs/microservices';
import { jsonCodec } from '../../core/body/codec.js';
import type { Codec } from '../../core/body/codec.js';
import type { ReplicaTerms } from '../../core/broker/broker.js';
import type { QueueLimit } from '../../core/broker/limit.js';
import type { KeyLimit } from '../../core/broker/per-key.js';
import type { RetryPolicy } from '../../core/delivery/retry.js';
import {
  flag,
  invalid,
  milliseconds,
  nested,
  objectWith,
  oneOf,
  text,
  wholeNumber,
} from '../../core/options/options.js';
import type { Rule } from '../../core/options/options.js';
import { DEFAULT_CONNECTION, connectionSource } from '../../open-broker.js';
import type { ConnectionSource } from '../../open-broker.js';
import { isWorthRetrying } from '../internals/worth-retrying.js';
import { codecRule, codecsRule } from './codec-options.js';
import { declarationsRule, groupRule, historyRule } from './declarations.js';
import { headersRule, namesRule } from './header-options.js';
import { observersRule } from './observers-rule.js';
import { historyStartRule } from './history-ends.js';

/** What a handler gets: messages, copies of events for its group, or live events. */
export type HandlerKind = 'message' | 'durable' | 'live';

/** Who has options. For options that a server also has, its value is the default of its handlers. */
export type Owner = 'server' | 'client' | 'admin' | HandlerKind;

const MIB = 1_048_576;
export const MOST_CONCURRENT = 100_000;

const connectionRule: Rule<ConnectionSource> = (value) => connectionSource(value);

const bytesOrNever: Rule<number | false> = (value, option) => {
  if (value === false) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(option, 'a whole number of bytes ≥ 0, or false', value);
};

const functionRule: Rule<(error: unknown) => boolean> = (value, option) => {
  // Its parameter and its result can only be checked when it is called.
  if (typeof value === 'function') return value as (error: unknown) => boolean;
  throw invalid(option, 'a function that gets an error and returns true or false', value);
};

const keyRule: Rule<(data: unknown) => unknown> = (value, option) => {
  if (typeof value === 'function') return value as (data: unknown) => unknown; // what it returns is checked each time
  throw invalid(option, "a function that gets an event's data and returns its key", value);
};

/** The 24 pauses add up to 2 h 37 min at most, and to 1 h 18 min if chance makes each as short as possible. */
const DEFAULT_RETRY: RetryPolicy = {
  attempts: 25,
  backoff: 'exponential',
  delayMs: 1_000,
  maxDelayMs: 600_000,
  if: isWorthRetrying,
};

const retryPolicy = nested<RetryPolicy>(
  {
    attempts: wholeNumber('attempts', 1),
    backoff: oneOf(['fixed', 'exponential']),
    delayMs: milliseconds(0),
    maxDelayMs: milliseconds(0),
    if: functionRule,
  },
  DEFAULT_RETRY,
);

const retryRule: Rule<Readonly<RetryPolicy>> = (value, option, above) => {
  const policy = retryPolicy(value, option, above);
  const { delayMs, maxDelayMs } = policy;
  if (delayMs <= maxDelayMs) return policy;
  throw invalid(`${option}.delayMs`, `no more than maxDelayMs, which is ${maxDelayMs}`, delayMs);
};

const batchRule = nested<{ readonly size: number; readonly waitMs: number }>(
  { size: wholeNumber('messages', 1, 10_000), waitMs: milliseconds(0) },
  { size: 1, waitMs: 0 },
  ['size'],
);

const feedRule = nested<{ readonly list: string; readonly take: 'right' | 'left' }>(
  { list: text('the name of a list', (value) => value !== ''), take: oneOf(['right', 'left']) },
  { list: '', take: 'right' },
  ['list'],
);

const limitParts = nested<QueueLimit>(
  {
    running: wholeNumber('messages', 1),
    rate: wholeNumber('messages', 1),
    perMs: wholeNumber('milliseconds', 1),
  },
  { running: undefined, rate: undefined, perMs: 1_000 },
);

const perKeyParts = nested<KeyLimit>(
  {
    running: wholeNumber('messages', 1, MOST_CONCURRENT),
    rate: wholeNumber('messages', 1),
    perMs: wholeNumber('milliseconds', 1),
  },
  { running: 1, rate: undefined, perMs: 1_000 },
);

function withRunningOrRate<L extends QueueLimit>(parts: Rule<Readonly<L>>): Rule<Readonly<L>> {
  return (value, option, above) => {
    if (typeof value !== 'object' || value === null)
      throw invalid(option, 'an object with running, rate, or both', value);
    const limit = parts(value, option, above);
    const isGiven = (name: keyof QueueLimit): boolean => Reflect.get(value, name) !== undefined;
    if (!isGiven('running') && !isGiven('rate'))
      throw invalid(option, 'an object with running, rate, or both', value);
    if (isGiven('perMs') && !isGiven('rate'))
      throw invalid(`${option}.rate`, 'a number of messages if perMs is given', undefined);
    return limit;
  };
}

/** Less than the 5 s of silence after which a connection is given up. */
const MOST_REPLICA_WAIT_MS = 4_000;

const replicasRule = nested<ReplicaTerms>(
  {
    count: wholeNumber('replicas', 1, 100),
    timeoutMs: wholeNumber('milliseconds', 1, MOST_REPLICA_WAIT_MS),
  },
  { count: 1, timeoutMs: 1_000 },
  ['count'],
);

const onceRule = nested<{ readonly windowMs: number }>(
  { windowMs: wholeNumber('milliseconds', 1) },
  { windowMs: 0 },
  ['windowMs'],
);

const recoverRule = nested<{ readonly withinMs: number }>(
  { withinMs: wholeNumber('milliseconds', 1) },
  { withinMs: 0 },
  ['withinMs'],
);

/** One option: its rule, its default (undefined if leaving it out has a meaning of its own), and who has it. */
function option<T, const Default extends T | undefined, const Owners extends readonly Owner[]>(
  rule: Rule<T>,
  fallback: Default,
  ...of: Owners
) {
  return { rule, fallback, of };
}

/** Every option. docs/options.md and docs/events.md list the same ones. */
export const OPTIONS = {
  connection: option(
    connectionRule,
    connectionSource(DEFAULT_CONNECTION),
    'server',
    'client',
    'admin',
  ),
  prefix: option(
    text('text without braces', (value) => value !== '' && !/[{}]/.test(value)),
    'rq',
    'server',
    'client',
    'admin',
  ),
  connectTimeoutMs: option(milliseconds(0), 5_000, 'server', 'client', 'admin'),
  serializer: option(objectWith<Serializer>('serialize'), undefined, 'server', 'client'),
  deserializer: option(objectWith<Deserializer>('deserialize'), undefined, 'server', 'client'),
  codec: option<Codec, Codec, ['server', 'client']>(codecRule, jsonCodec, 'server', 'client'),
  codecs: option(codecsRule, [], 'server', 'client', 'admin'),
  maxPayloadBytes: option(
    wholeNumber('bytes', 1, 512 * MIB),
    16 * MIB,
    'server',
    'client',
    'admin',
  ),
  compressAboveBytes: option(bytesOrNever, 32_768, 'server', 'client'),
  observers: option(observersRule, [], 'server', 'client', 'admin'),
  declare: option(declarationsRule, undefined, 'server', 'client'),

  maxConcurrency: option(wholeNumber('handlers', 1, MOST_CONCURRENT), undefined, 'server'),
  maxWaitingEvents: option(wholeNumber('events', 0, 1_000_000), 10_000, 'server'),
  shutdownTimeoutMs: option(milliseconds(0), 10_000, 'server'),
  deadLetterLimit: option(wholeNumber('dead letters', 0), undefined, 'server'),
  deadLetterMaxAgeMs: option(wholeNumber('milliseconds', 1), 14 * 24 * 3_600_000, 'server'),
  onEviction: option(oneOf(['warn', 'refuse']), 'warn', 'server'),
  maxCrashes: option(wholeNumber('crashes', 2), 3, 'server'),

  concurrency: option(
    wholeNumber('handlers', 1, MOST_CONCURRENT),
    100,
    'server',
    'message',
    'durable',
    'live',
  ),
  batch: option(batchRule, undefined, 'message', 'durable'),
  prefetch: option(wholeNumber('messages', 1, 10_000), undefined, 'server', 'message', 'durable'),
  leaseMs: option(milliseconds(1_000), 30_000, 'server', 'message', 'durable'),
  retry: option(retryRule, DEFAULT_RETRY, 'server', 'message', 'durable'),
  timeoutMs: option(milliseconds(1), undefined, 'server', 'message', 'durable'),
  once: option(onceRule, undefined, 'server', 'message', 'durable'),
  perKey: option(withRunningOrRate(perKeyParts), undefined, 'message', 'durable'),
  feedFrom: option(feedRule, undefined, 'message'),
  limit: option(withRunningOrRate(limitParts), undefined, 'message', 'durable'),
  maxLength: option(wholeNumber('messages', 1), undefined, 'message', 'durable'),
  order: option(oneOf(['oldestFirst', 'newestFirst']), 'oldestFirst', 'message', 'durable'),

  group: option(groupRule, undefined, 'server', 'durable'),
  durable: option(flag, undefined, 'durable', 'live'),
  history: option(historyRule, undefined, 'durable', 'live'),
  onFull: option(oneOf(['refuse', 'drop']), 'refuse', 'durable'),
  from: option(historyStartRule, undefined, 'durable'),
  key: option(keyRule, undefined, 'durable'),
  recover: option(recoverRule, undefined, 'live'),

  requestTimeoutMs: option(milliseconds(1), 10_000, 'client'),
  requestTotalTimeoutMs: option(milliseconds(1), undefined, 'client'),
  parkAboveBytes: option(bytesOrNever, 16_384, 'client'),
  maxPendingMessages: option(wholeNumber('messages', 1), 100_000, 'client'),
  maxPendingBytes: option(wholeNumber('bytes', 1), 256 * MIB, 'client'),
  sendAgainForMs: option(milliseconds(0), 30_000, 'client'),
  waitForReplicas: option(replicasRule, undefined, 'client'),
  headers: option(headersRule, undefined, 'client'),
  forwardHeaders: option(namesRule, [], 'client'),
} as const;

type Table = typeof OPTIONS;
export type OptionName = keyof Table;

/** The names of an owner's options. */
export type OptionsOf<O extends Owner> = {
  [Name in OptionName]: O extends Table[Name]['of'][number] ? Name : never;
}[OptionName];

type ValueOf<Name extends OptionName> =
  ReturnType<Table[Name]['rule']> | (Table[Name]['fallback'] extends undefined ? undefined : never);

/** All options of an owner, with checked values. */
export type ResolvedOf<O extends Owner> = {
  readonly [Name in OptionsOf<O>]: ValueOf<Name>;
};

export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[]; // of the literal above

/** Whether one of these owners has the option. */
export function isOf(name: OptionName, ...owners: readonly Owner[]): boolean {
  return owners.some((owner) => (OPTIONS[name].of as readonly Owner[]).includes(owner));
}
