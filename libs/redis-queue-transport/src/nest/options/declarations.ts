import type { Broker } from '../../core/broker/broker.js';
import { assertSubscribable } from '../../core/events/event-patterns.js';
import { GROUP_NAME } from '../../core/message/queue-name.js';
import { invalid, nested, text, wholeNumber } from '../../core/options/options.js';
import type { Rule } from '../../core/options/options.js';

/** By pattern, which may have wildcards. */
export type RedisQueueDeclarations = Readonly<Record<string, EventDeclarationOptions>>;

export interface EventDeclarationOptions {
  /** Names of the groups. */
  readonly groups?: readonly string[] | undefined;
  /** How much is kept, for groups that start later and for replays. Needs at least one of the bounds. */
  readonly history?: HistoryOptions | undefined;
}

export interface HistoryOptions {
  /** How many events. Default: no bound. */
  readonly maxLength?: number | undefined;
  /** For how long, in ms. Default: no bound. */
  readonly maxAgeMs?: number | undefined;
}

export const groupRule = text('a name of letters, digits, "_", "." and "-"', (value) =>
  GROUP_NAME.test(value),
);

const boundsOfHistory = nested<HistoryOptions>(
  { maxLength: wholeNumber('events', 1), maxAgeMs: wholeNumber('milliseconds', 1) },
  { maxLength: undefined, maxAgeMs: undefined },
);

export const historyRule: Rule<HistoryOptions> = (value, option) => {
  const bounds = boundsOfHistory(value, option);
  if (bounds.maxLength !== undefined || bounds.maxAgeMs !== undefined) return bounds;
  throw invalid(option, 'an object with maxLength, maxAgeMs or both', value);
};

const groupsRule: Rule<readonly string[]> = (value, option) => {
  if (!Array.isArray(value)) throw invalid(option, 'a list of names', value);
  return value.map((group: unknown, index) => groupRule(group, `${option}[${index}]`));
};

export const declarationRule = nested<EventDeclarationOptions>(
  { groups: groupsRule, history: historyRule },
  { groups: undefined, history: undefined },
);

export const declarationsRule: Rule<RedisQueueDeclarations> = (value, option) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(option, 'an object with a declaration for each pattern', value);
  }
  const declarations = Object.entries(value).map(([pattern, declaration]) => {
    assertSubscribable(pattern);
    return [
      pattern,
      declarationRule(declaration, `${option}[${JSON.stringify(pattern)}]`),
    ] as const;
  });
  return Object.freeze(Object.fromEntries(declarations));
};

/** Declares the groups and histories of the option `declare`. */
export async function declareAll(
  broker: Broker,
  declarations: RedisQueueDeclarations = {},
): Promise<void> {
  for (const [pattern, { groups, history }] of Object.entries(declarations))
    await broker.declare({ pattern, groups, history });
}
