import type { ContestantInfo } from './contestants.js';
import type { Verb } from './contestant.js';
import type { Appendfsync } from './servers/redis.js';

interface Base {
  readonly id: string;
  readonly title: string;
  /** Default: all. Given if the workload takes too long for all, or says nothing about some. */
  readonly contestants?: readonly string[];
  /** Length of a message as JSON. */
  readonly bytes: number;
  /** Redis only. */
  readonly aof: Appendfsync;
}

/** Producers and consumers at the same time, as fast as they can. */
export interface FlowWorkload extends Base {
  readonly kind: 'flow';
  readonly verb: Exclude<Verb, 'delay'>;
  /** How many messages may be unconfirmed, or unanswered. */
  readonly window: number;
  /** Processes that listen. */
  readonly consumers: number;
}

/** First a producer alone, then a consumer alone. */
export interface DrainWorkload extends Base {
  readonly kind: 'drain';
  readonly verb: 'push' | 'keyed';
  readonly backlog: number;
  readonly concurrency: number;
  readonly prefetch: number | undefined;
  /** How many messages a handler gets at once. */
  readonly batch: number | undefined;
  /** How long the handler waits. */
  readonly handlerMs: number;
}

/** A consumer that has nothing to do. */
export interface IdleWorkload extends Base {
  readonly kind: 'idle';
  readonly patterns: number;
}

/** Delayed messages in a queue at half of its highest load. */
export interface DelayWorkload extends Base {
  readonly kind: 'delay';
}

export type Workload = FlowWorkload | DrainWorkload | IdleWorkload | DelayWorkload;

const UNCONFIRMED = 1_000;
const BASE = { bytes: 256, aof: 'off' } as const;
/** The contestants for workloads with AOF; the others are slow enough without it. */
const FOR_AOF = ['ours', 'bare-loop', 'bullmq', 'bee-queue'];
const SEVERAL_AT_ONCE = ['ours', 'bare-loop', 'nest-rmq', 'jetstream', 'bullmq', 'bee-queue'];
/** The contestants that can take more than they may start. */
const WITH_PREFETCH = ['ours', 'bare-loop', 'jetstream', 'streams'];

function flow(given: Pick<FlowWorkload, 'id' | 'title'> & Partial<FlowWorkload>): FlowWorkload {
  return { ...BASE, kind: 'flow', verb: 'push', window: UNCONFIRMED, consumers: 1, ...given };
}

function drain(
  given: Pick<DrainWorkload, 'id' | 'title' | 'concurrency'> & Partial<DrainWorkload>,
): DrainWorkload {
  const backlog = given.concurrency === 1 ? 10_000 : 100_000;
  return {
    ...BASE,
    kind: 'drain',
    verb: 'push',
    backlog,
    prefetch: undefined,
    batch: undefined,
    handlerMs: 0,
    ...given,
  };
}

export const WORKLOADS: readonly Workload[] = [
  flow({ id: 'one-way', title: 'one-way' }),
  flow({ id: 'request-1', title: 'request/reply, 1 at a time', verb: 'request', window: 1 }),
  flow({ id: 'request-100', title: 'request/reply, 100 at a time', verb: 'request', window: 100 }),
  flow({ id: 'broadcast-1', title: 'broadcast to 1', verb: 'broadcast' }),
  flow({ id: 'broadcast-3', title: 'broadcast to 3', verb: 'broadcast', consumers: 3 }),
  flow({
    id: 'durable-3',
    title: 'durable events to 3 groups',
    verb: 'durable',
    consumers: 3,
  }),
  drain({ id: 'drain-1', title: 'drain, concurrency 1', concurrency: 1 }),
  drain({ id: 'drain-100', title: 'drain, concurrency 100', concurrency: 100 }),
  drain({
    id: 'drain-1-prefetch',
    title: 'drain, concurrency 1, prefetch 100',
    concurrency: 1,
    prefetch: 100,
    contestants: WITH_PREFETCH,
    backlog: 100_000,
  }),
  drain({
    id: 'drain-batch-100',
    title: 'drain in batches of 100, prefetch 200',
    concurrency: 1,
    prefetch: 200,
    batch: 100,
    contestants: ['ours'],
    backlog: 100_000,
  }),
  flow({ id: 'one-way-keyed', title: 'one-way, 10,000 keys in turn', verb: 'keyed' }),
  drain({
    id: 'drain-100-keyed',
    title: 'drain, 10,000 keys in turn',
    concurrency: 100,
    verb: 'keyed',
  }),
  flow({ id: 'one-way-10k', title: 'one-way, 10 KB', bytes: 10_240 }),
  flow({
    id: 'one-way-1m',
    title: 'one-way, 1 MB',
    bytes: 1_048_576,
    window: 20,
    contestants: ['ours', 'nest-redis', 'bare-loop', 'bullmq'],
  }),
  drain({
    id: 'drain-100-10k',
    title: 'drain, 10 KB',
    concurrency: 100,
    bytes: 10_240,
    backlog: 20_000,
  }),
  flow({
    id: 'one-way-everysec',
    title: 'one-way, AOF everysec',
    aof: 'everysec',
    contestants: FOR_AOF,
  }),
  flow({ id: 'one-way-always', title: 'one-way, AOF always', aof: 'always', contestants: FOR_AOF }),
  drain({
    id: 'drain-1-everysec',
    title: 'drain, concurrency 1, AOF everysec',
    concurrency: 1,
    aof: 'everysec',
    contestants: FOR_AOF,
  }),
  drain({
    id: 'drain-100-everysec',
    title: 'drain, concurrency 100, AOF everysec',
    concurrency: 100,
    aof: 'everysec',
    contestants: FOR_AOF,
  }),
  drain({
    id: 'drain-1-always',
    title: 'drain, concurrency 1, AOF always',
    concurrency: 1,
    aof: 'always',
    contestants: FOR_AOF,
    backlog: 2_000,
  }),
  drain({
    id: 'drain-100-always',
    title: 'drain, concurrency 100, AOF always',
    concurrency: 100,
    aof: 'always',
    contestants: FOR_AOF,
    backlog: 50_000,
  }),
  drain({ id: 'backlog-1k', title: 'drain of 1 k', concurrency: 100, backlog: 1_000 }),
  drain({
    id: 'backlog-1m',
    title: 'drain of 1 M',
    concurrency: 100,
    backlog: 1_000_000,
    contestants: ['ours', 'bare-loop', 'jetstream'],
  }),
  drain({
    id: 'wait-1',
    title: 'handler of 5 ms, concurrency 1',
    concurrency: 1,
    handlerMs: 5,
    backlog: 500,
  }),
  drain({
    id: 'wait-10',
    title: 'handler of 5 ms, concurrency 10',
    concurrency: 10,
    contestants: SEVERAL_AT_ONCE,
    handlerMs: 5,
    backlog: 5_000,
  }),
  drain({
    id: 'wait-100',
    title: 'handler of 5 ms, concurrency 100',
    concurrency: 100,
    contestants: SEVERAL_AT_ONCE,
    handlerMs: 5,
    backlog: 40_000,
  }),
  { ...BASE, kind: 'idle', id: 'idle-1', title: 'idle, 1 pattern', patterns: 1 },
  { ...BASE, kind: 'idle', id: 'idle-50', title: 'idle, 50 patterns', patterns: 50 },
  { ...BASE, kind: 'delay', id: 'delay', title: 'delayed messages' },
];

/** Whether the contestant has what the workload needs. */
export function canDo(contestant: ContestantInfo, workload: Workload): boolean {
  const { id, verbs, keepsMessages, server } = contestant;
  if (workload.contestants?.includes(id) === false) return false;
  if (workload.aof !== 'off' && server !== 'redis') return false;
  switch (workload.kind) {
    case 'flow':
      return verbs.includes(workload.verb);
    case 'drain':
      return keepsMessages && verbs.includes(workload.verb);
    case 'idle':
      return id !== 'bare-loop'; // one list for all patterns
    case 'delay':
      return verbs.includes('delay');
  }
}
