import { InvalidOptionError } from '../../core/errors/errors.js';
import { assertSubscribable } from '../../core/events/event-patterns.js';
import { flag, invalid, nested, wholeNumber } from '../../core/options/options.js';
import type { Rule } from '../../core/options/options.js';
import { groupRule, historyRule } from './declarations.js';
import type { HistoryOptions } from './declarations.js';
import { refuseQueueOptions, resolvedFor } from './misplaced-options.js';
import { resolveHandlerOptionsWith } from './options.js';
import type {
  FurtherOptions,
  RedisQueueHandlerOptions,
  ResolvedHandlerOptions,
  ResolvedServerOptions,
} from './options.js';

/** `new`, `earliest`, or a `historyId`. */
// With a plain string the two words would be lost to editors.
type HistoryStart = 'new' | 'earliest' | Date | (string & {});

/** What a handler of events can set for itself, as `@EventPattern(pattern, { … })`. */
export interface RedisQueueEventOptions extends RedisQueueHandlerOptions {
  /**
   * Makes the events durable: of each, this group gets one copy on a list of its own, and one replica of the group
   * handles it, with retries and dead letters as for messages. Letters, digits, `_`, `.` and `-`. Default: none, and
   * every replica hears the event live, or not at all.
   */
  readonly group?: string | undefined;
  /** The same with the server's `group`. Default false. */
  readonly durable?: boolean | undefined;
  /**
   * Keeps the last events of the pattern for groups that come later and for replays. Where several handlers of the
   * pattern in one server have it, or its `declare` too, all give the same bounds. Default: none are kept.
   */
  readonly history?: HistoryOptions | undefined;
  /**
   * Where in the history of the pattern a group begins that is new: with what comes, with the oldest that is kept, with
   * what was emitted since a time of Redis's clock, or with the event of a `historyId`. Plays no part for a group that
   * is known. Default `new`.
   */
  readonly from?: HistoryStart | undefined;
  /**
   * For live events of a pattern that has a history: gives a replica that was cut off what it missed, in order, as far
   * as it was emitted within the last `withinMs`. What is older, or kept no longer, it is told of as the server's event
   * `gap`. Holds for all live handlers of the pattern in this server. Default: what is missed is missed.
   */
  readonly recover?: { readonly withinMs: number } | undefined;
}

export interface ResolvedEventOptions extends ResolvedHandlerOptions {
  /** Undefined for live events. */
  readonly group: string | undefined;
  readonly history: HistoryOptions | undefined;
  readonly recover: { readonly withinMs: number } | undefined;
  /** The first entry that a new group gets. */
  readonly from: string | undefined;
}

type EventRuleValues = Pick<RedisQueueEventOptions, 'group' | 'durable' | 'history' | 'recover'> & {
  readonly from: string | undefined;
};

const NO_EVENT_OPTIONS = {
  group: undefined,
  durable: undefined,
  history: undefined,
  from: undefined,
  recover: undefined,
};

const recoverRule = nested<{ withinMs: number }>(
  { withinMs: wholeNumber('milliseconds', 1) },
  { withinMs: 0 },
  ['withinMs'],
);

const FOR_EVENTS: FurtherOptions<EventRuleValues> = {
  rules: {
    group: groupRule,
    durable: flag,
    history: historyRule,
    from: (value, option) => historyStartRule(value, option),
    recover: recoverRule,
  },
  defaults: NO_EVENT_OPTIONS,
};

/** What an event handler's decorator says, over what its server says. @throws InvalidOptionError | InvalidPatternError */
export function resolveEventOptions(
  extras: object,
  server: ResolvedServerOptions,
  pattern: string,
): ResolvedEventOptions {
  assertSubscribable(pattern);
  return resolvedFor(pattern, () => resolve(extras, server, pattern));
}

function resolve(
  extras: object,
  server: ResolvedServerOptions,
  pattern: string,
): ResolvedEventOptions {
  const resolved = resolveHandlerOptionsWith<EventRuleValues>(FOR_EVENTS, extras, server, pattern);
  const group = groupOf(resolved, server, pattern);
  if (group === undefined) refuseQueueOptions(extras, pattern);
  const from = resolved.from === '' ? undefined : resolved.from;
  if (from !== undefined && group === undefined) {
    throw new InvalidOptionError(
      'from',
      `from needs a group that can begin there, and the handler of "${pattern}" hears events live: add group or durable`,
    );
  }
  if (resolved.recover !== undefined && group !== undefined) {
    throw new InvalidOptionError(
      'recover',
      `recover is for live events, and the handler of "${pattern}" has a group, which misses nothing: leave it out`,
    );
  }
  const { history, recover } = resolved;
  return { ...resolved, history, recover, group, from };
}

function groupOf(
  { group, durable }: Pick<RedisQueueEventOptions, 'group' | 'durable'>,
  server: ResolvedServerOptions,
  pattern: string,
): string | undefined {
  if (durable === false && group !== undefined) {
    throw new InvalidOptionError('durable', 'durable: false and a group exclude each other');
  }
  if (group !== undefined || durable !== true) return group;
  if (server.group !== undefined) return server.group;
  throw new InvalidOptionError(
    'durable',
    `durable: true of the handler of "${pattern}" needs a group: give the server its name with the option group, ` +
      'or the handler one of its own',
  );
}

const ENTRY = /^\d+(-\d+)?$/;

/** One end of a part of a history, in the form in which Redis takes it. */
export const historyEndRule: Rule<string> = (value, option) => {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return String(value.getTime());
  if (typeof value === 'string' && ENTRY.test(value)) return value;
  throw invalid(option, 'a Date or a historyId', value);
};

/** The same for a start; empty for no part of it. */
const historyStartRule: Rule<string> = (value, option) => {
  if (value === 'new') return '';
  if (value === 'earliest') return '-';
  if (value instanceof Date || (typeof value === 'string' && ENTRY.test(value)))
    return historyEndRule(value, option);
  throw invalid(option, "'new', 'earliest', a Date or a historyId", value);
};
