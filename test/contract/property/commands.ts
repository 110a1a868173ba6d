import fc from 'fast-check';
import type {
  TimeStep,
  TrialStep,
} from '../../../libs/redis-queue-transport/src/core/broker/lease.js';
import { KEY_PACES } from './terms.js';
import type { KeyPace } from './terms.js';

export type Outcome =
  | 'ack'
  | 'once'
  | 'release'
  | 'retry'
  | 'retryLater'
  | 'slowDown'
  | 'slowKeyDown'
  | 'deadLetter'
  | 'expired'
  | 'repeated';

export type RemovedFrom = 'waiting' | 'lanes' | 'suspects' | 'delayed' | 'held';

export type Listed = 'waiting' | 'suspects' | 'held' | 'oldestDead' | 'newestDead';

/** What senders do. */
type Sending =
  | {
      readonly kind: 'push';
      readonly isLarge: boolean;
      /** How many small ones follow it at once. */
      readonly more: number;
      /** How many hours, and a half, it is delayed; at 0 not at all. */
      readonly hours: number;
      /** Which of a few ids it shares with others within a window; undefined for an id of its own. */
      readonly sharedId: number | undefined;
      /** Of each of them, in turn; undefined for none. */
      readonly keys: readonly (string | undefined)[];
      /** The same. */
      readonly priorities: readonly number[];
    }
  | { readonly kind: 'pushForeign' };

export interface Exchanging {
  readonly kind: 'exchange';
  readonly consumer: number;
  /** Of the oldest that it holds, in order. */
  readonly outcomes: readonly Outcome[];
  readonly take: number;
  readonly trial: TrialStep | undefined;
  readonly time: TimeStep | undefined;
}

/**
 * `repeat`: gives the last settlements of the consumer again, as after an answer that got lost. `loseTake`: an answer got
 * lost that took one, and the consumer makes two more exchanges.
 */
export interface ExchangingAgain {
  readonly kind: 'repeat' | 'loseTake';
  readonly consumer: number;
  readonly trial: TrialStep | undefined;
}

export interface Simple {
  readonly kind: 'simple';
  readonly consumer: number;
  readonly verb:
    | 'wait'
    | 'renew'
    | 'leave'
    | 'endLease'
    | 'lateTake'
    | 'findLateTakes'
    | 'readBody'
    | 'wasHandled';
}

/** What consumers do, and what fate does to them. */
type Consuming =
  | { readonly kind: 'join' }
  | Exchanging
  | ExchangingAgain
  | Simple
  /** `crash`: its lease ends first. */
  | { readonly kind: 'crash' | 'reclaim'; readonly consumer: number; readonly by: number }
  | { readonly kind: 'passTime'; readonly hours: number }
  /** What all consumers together may do with each key. */
  | { readonly kind: 'limitKeys'; readonly running: number; readonly pace: KeyPace };

/** What tools do. */
export type Tending =
  | { readonly kind: 'setPaused'; readonly isPaused: boolean }
  | { readonly kind: 'setKeyPaused'; readonly key: string; readonly isPaused: boolean }
  | { readonly kind: 'purge'; readonly what: 'waiting' | 'delayed' | 'all' }
  | {
      readonly kind: 'remove';
      readonly from: RemovedFrom;
      readonly at: number;
    }
  | {
      readonly kind: 'advance' | 'redrive' | 'deleteDeadLetters';
      readonly from: number;
      readonly count: number;
    }
  | { readonly kind: 'find'; readonly pushed: number }
  | {
      readonly kind: 'list';
      readonly what: Listed;
      readonly offset: number;
      readonly count: number;
    };

/** What may happen to a queue next. */
export type Command = Sending | Consuming | { readonly kind: 'tend'; readonly tending: Tending };

export const SHARED_IDS = 3;
const consumer = fc.nat(1_000);
const some = { from: fc.constantFrom(0, 0, 0, 1), count: fc.integer({ min: 1, max: 4 }) };

const outcome = fc.constantFrom<Outcome[]>(
  'ack',
  'once',
  'release',
  'retry',
  'retryLater',
  'slowDown',
  'slowKeyDown',
  'deadLetter',
  'deadLetter',
  'deadLetter',
  'expired',
  'repeated',
);

/** Few, so that there are several messages of each. */
const KEYS = ['a', 'b', 'c d'];
const key = fc.constantFrom(undefined, undefined, 'a', ...KEYS);

const push = fc.record({
  kind: fc.constant('push' as const),
  isLarge: fc.constantFrom(false, false, false, false, true),
  more: fc.constantFrom(0, 0, 1, 2, 3),
  hours: fc.constantFrom(0, 0, 0, 0, 0, 1, 2, 3),
  sharedId: fc.constantFrom(undefined, undefined, undefined, ...Array(SHARED_IDS).keys()),
  keys: fc.array(key, { minLength: 1, maxLength: 4 }),
  priorities: fc.array(fc.constantFrom(4, 4, 4, 4, 9, 5, 0), { minLength: 1, maxLength: 4 }),
});

const exchange = fc.record({
  kind: fc.constant('exchange' as const),
  consumer,
  outcomes: fc.array(outcome, { maxLength: 4, size: 'max' }),
  take: fc.constantFrom(0, 1, 2, 3, 4, 4),
  trial: fc.constantFrom<(TrialStep | undefined)[]>(
    undefined,
    'claim',
    'claimIfEmpty',
    'keep',
    'next',
    'yield',
  ),
  time: fc.constantFrom<(TimeStep | undefined)[]>(undefined, undefined, 'keep', 'yield'),
});

const simple = fc.record({
  kind: fc.constant('simple' as const),
  verb: fc.constantFrom(
    'wait' as const,
    'renew' as const,
    'leave' as const,
    'endLease' as const,
    'lateTake' as const,
    'findLateTakes' as const,
    'readBody' as const,
    'wasHandled' as const,
  ),
  consumer,
});

const again = fc.record({
  kind: fc.constantFrom('repeat' as const, 'loseTake' as const),
  consumer,
  trial: fc.constant(undefined),
});

const ended = fc.record({
  kind: fc.constantFrom('crash' as const, 'crash' as const, 'reclaim' as const),
  consumer,
  by: consumer,
});

const place = fc.constantFrom<RemovedFrom[]>('waiting', 'lanes', 'suspects', 'delayed', 'held');

const tending: fc.Arbitrary<Tending> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('setPaused' as const), isPaused: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('setKeyPaused' as const),
      key: fc.constantFrom(...KEYS),
      isPaused: fc.constantFrom(true, false, false),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('purge' as const),
      what: fc.constantFrom('waiting' as const, 'delayed' as const, 'all' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('remove' as const), from: place, at: fc.nat(4) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('advance' as const, 'redrive' as const, 'deleteDeadLetters' as const),
      ...some,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('find' as const), pushed: fc.nat(40) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('list' as const),
      what: fc.constantFrom<Listed[]>('waiting', 'suspects', 'held', 'oldestDead', 'newestDead'),
      offset: fc.nat(3),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
);

const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 20, arbitrary: push },
  { weight: 1, arbitrary: fc.constant({ kind: 'pushForeign' as const }) },
  { weight: 36, arbitrary: exchange },
  { weight: 9, arbitrary: simple },
  { weight: 3, arbitrary: again },
  { weight: 5, arbitrary: ended },
  { weight: 2, arbitrary: fc.constant({ kind: 'join' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('passTime' as const),
      hours: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('limitKeys' as const),
      running: fc.constantFrom(1, 2),
      pace: fc.constantFrom(...KEY_PACES),
    }),
  },
  { weight: 14, arbitrary: fc.record({ kind: fc.constant('tend' as const), tending }) },
);

/** What happens in a round. Without the size, hardly any round would be longer than ten. */
export const anyCommands = fc.array(anyCommand, { minLength: 1, maxLength: 60, size: 'max' });
