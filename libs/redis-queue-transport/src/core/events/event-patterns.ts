import { InvalidPatternError } from '../errors/start-errors.js';
import { assertNamesQueue, isOfObject, subscriptionOf } from '../message/queue-name.js';

/**
 * Whether the pattern has wildcards: `*` stands for one whole segment between dots, `#` as the last segment for any
 * number of segments, including none (as in AMQP topics). Inside a segment, and in the JSON of an object pattern, both
 * are plain characters.
 */
export function isWildcard(pattern: string): boolean {
  return !isOfObject(pattern) && /(^|\.)[*#](\.|$)/.test(pattern);
}

/** @throws InvalidPatternError for a `#` that is not the last segment, for a group's queue, and for an empty pattern */
export function assertSubscribable(pattern: string): void {
  assertNamesQueue(pattern);
  assertNoQueueOfGroup(pattern);
  if (!isWildcard(pattern) || !/(^|\.)#\./.test(pattern)) return;
  throw new InvalidPatternError(
    pattern,
    `The pattern ${JSON.stringify(pattern)} has a "#" that is not its last segment. "#" stands for all following segments; use "*" for one segment.`,
  );
}

/** @throws InvalidPatternError for a pattern with wildcards: an event has one concrete pattern */
export function assertConcrete(pattern: string): void {
  assertNoQueueOfGroup(pattern);
  if (!isWildcard(pattern)) return;
  throw new InvalidPatternError(
    pattern,
    `The pattern ${JSON.stringify(pattern)} has a wildcard segment. Handlers may use wildcards, but an event has one concrete pattern.`,
  );
}

/**
 * Whether the pattern looks like a wildcard of another broker (`user*`, `orders.>`, `a/+/b`), which is a plain pattern
 * here.
 */
export function looksLikeWildcard(pattern: string): boolean {
  if (isOfObject(pattern)) return false;
  const isOfMqtt = /(^|\/)[+#](\/|$)/.test(pattern) && (pattern.includes('/') || pattern === '+');
  const segments = pattern.split('.');
  return isOfMqtt || segments.some((part) => part === '>' || part === '+' || /.\*|\*./.test(part));
}

function assertNoQueueOfGroup(name: string): void {
  const subscription = subscriptionOf(name);
  if (subscription === undefined) return;
  const { group, pattern } = subscription;
  throw new InvalidPatternError(
    name,
    `${JSON.stringify(name)} is the queue of the group "${group}", not an event. To reach all groups and listeners, call ` +
      `emit(${JSON.stringify(pattern)}); to reach only this group, enqueue(${JSON.stringify(name)}). To handle the group's ` +
      `events, use @EventPattern(${JSON.stringify(pattern)}, { group: "${group}" }).`,
  );
}

/**
 * A message is sent to one pattern. The name of a group's queue counts as one, even if the group's pattern has
 * wildcards.
 * @throws InvalidPatternError for a pattern with wildcards: no message handler can have its queue
 */
export function assertSendable(pattern: string): void {
  if (!isWildcard(pattern) || subscriptionOf(pattern) !== undefined) return;
  throw new InvalidPatternError(
    pattern,
    `The pattern ${JSON.stringify(pattern)} has a wildcard segment. Event handlers may use wildcards, but a message has one concrete pattern.`,
  );
}

/** Whether the filter, a pattern that may have wildcards, matches events of the concrete pattern. */
export function isMeantBy(filter: string, pattern: string): boolean {
  if (filter === pattern) return true;
  if (!isWildcard(filter) || isOfObject(pattern)) return false;
  const wanted = filter.split('.');
  const segments = pattern.split('.');
  const isOpenEnded = wanted.at(-1) === '#';
  if (isOpenEnded) wanted.pop();
  if (isOpenEnded ? segments.length < wanted.length : segments.length !== wanted.length)
    return false;
  return wanted.every((segment, index) => segment === '*' || segment === segments[index]);
}
