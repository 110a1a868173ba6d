import { InvalidPatternError } from '../errors/errors.js';

/** A group's wish to get a copy of each event of a pattern, which may have wildcards. */
export interface Subscription {
  readonly group: string;
  readonly pattern: string;
}

/** What a group may be called: no separator of ours, nothing that a shell or a key pattern would read. */
export const GROUP_NAME = /^[\w.-]+$/;

const SUBSCRIPTION_QUEUE = /^@([\w.-]+)\/(.+)$/s;

/** The queue that holds the group's copies: `@billing/order.placed`. */
export function subscriptionQueue({ group, pattern }: Subscription): string {
  return `@${group}/${pattern}`;
}

/** The inverse of {@link subscriptionQueue}; undefined for the queue of a message pattern. */
export function subscriptionOf(queue: string): Subscription | undefined {
  const [, group, pattern] = SUBSCRIPTION_QUEUE.exec(queue) ?? [];
  return group === undefined || pattern === undefined ? undefined : { group, pattern };
}

/**
 * Whether the pattern stands for others: `*` for one whole segment between dots, `#` as the last segment for any
 * number of them, none included (as in AMQP topics). Within a segment both are plain characters, and so they are in
 * the JSON of an object pattern.
 */
export function isWildcard(pattern: string): boolean {
  return !pattern.startsWith('{') && /(^|\.)[*#](\.|$)/.test(pattern);
}

/** @throws InvalidPatternError for a `#` that has segments behind it, a group's queue, and for no pattern at all */
export function assertSubscribable(pattern: string): void {
  if (pattern === '') throw new InvalidPatternError(pattern, 'A pattern must not be empty.');
  assertNoQueueOfGroup(pattern);
  if (!isWildcard(pattern) || !/(^|\.)#\./.test(pattern)) return;
  throw new InvalidPatternError(
    pattern,
    `The pattern ${JSON.stringify(pattern)} has a "#" that is not its last segment: "#" stands for all that follows; use "*" for one segment.`,
  );
}

/** @throws InvalidPatternError for a pattern that no single event can have */
export function assertConcrete(pattern: string): void {
  assertNoQueueOfGroup(pattern);
  if (!isWildcard(pattern)) return;
  throw new InvalidPatternError(
    pattern,
    `The pattern ${JSON.stringify(pattern)} has a wildcard segment: handlers may have those, but an event has one pattern.`,
  );
}

/**
 * Whether the pattern is meant as a wildcard in the way of other brokers (`user*`, `orders.>`, `a/+/b`) and stands for
 * itself alone here.
 */
export function looksLikeWildcard(pattern: string): boolean {
  if (pattern.startsWith('{')) return false;
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
    `${JSON.stringify(name)} is the queue of the group "${group}", not an event: emit(${JSON.stringify(pattern)}) ` +
      `reaches all groups and listeners, enqueue(${JSON.stringify(name)}) this group alone. A handler of the group has ` +
      `@EventPattern(${JSON.stringify(pattern)}, { group: "${group}" }).`,
  );
}

/**
 * What is sent is for one pattern; the name of a group's queue is one too, whatever the group's pattern.
 * @throws InvalidPatternError for a pattern that stands for others: no handler of messages may have its queue
 */
export function assertSendable(pattern: string): void {
  if (!isWildcard(pattern) || subscriptionOf(pattern) !== undefined) return;
  throw new InvalidPatternError(
    pattern,
    `The pattern ${JSON.stringify(pattern)} has a wildcard segment: handlers of events may have those, but what is sent has one pattern.`,
  );
}

/** Whether an event of the concrete pattern is meant by the filter, a pattern that may have wildcards. */
export function isMeantBy(filter: string, pattern: string): boolean {
  if (filter === pattern) return true;
  if (!isWildcard(filter) || pattern.startsWith('{')) return false;
  const wanted = filter.split('.');
  const segments = pattern.split('.');
  const isOpenEnded = wanted.at(-1) === '#';
  if (isOpenEnded) wanted.pop();
  if (isOpenEnded ? segments.length < wanted.length : segments.length !== wanted.length)
    return false;
  return wanted.every((segment, index) => segment === '*' || segment === segments[index]);
}
