import { InvalidPatternError } from '../errors/start-errors.js';

/** A group's wish to get a copy of each event of a pattern, which may have wildcards. */
export interface Subscription {
  readonly group: string;
  readonly pattern: string;
}

/** What the name of a group's queue begins with. */
export const GROUP_MARK = '@';

/** Excludes our separators, and characters with a meaning in a shell or in a key pattern. */
const GROUP = String.raw`[\w.-]+`;

/** What a group may be called. */
export const GROUP_NAME = new RegExp(`^${GROUP}$`);

const SUBSCRIPTION_QUEUE = new RegExp(`^${GROUP_MARK}(${GROUP})/(.+)$`, 's');

/** The queue that holds the group's copies: `@billing/order.placed`. */
export function subscriptionQueue({ group, pattern }: Subscription): string {
  return `${GROUP_MARK}${group}/${pattern}`;
}

/** The inverse of {@link subscriptionQueue}; undefined for the queue of a message pattern. */
export function subscriptionOf(queue: string): Subscription | undefined {
  const [, group, pattern] = SUBSCRIPTION_QUEUE.exec(queue) ?? [];
  return group === undefined || pattern === undefined ? undefined : { group, pattern };
}

/** Whether a pattern was an object, as in `{"cmd":"sum"}`. Then none of its characters has a special meaning. */
export function isOfObject(pattern: string): boolean {
  return pattern.startsWith('{');
}

/** Whether a queue can have this name. Other programs may have listed any. */
export function namesQueue(name: string): boolean {
  return name !== '' && !patternOf(name).startsWith('}');
}

/** The pattern of a queue: of its messages, or of the events of which a group gets copies. */
export function patternOf(queue: string): string {
  return subscriptionOf(queue)?.pattern ?? queue;
}

/** @throws InvalidPatternError for a name that cannot be part of a key: an empty one, or one that ends the hash tag */
export function assertNamesQueue(name: string): void {
  if (namesQueue(name)) return;
  if (name === '') throw new InvalidPatternError(name, 'A pattern must not be empty.');
  throw new InvalidPatternError(
    name,
    `The pattern ${JSON.stringify(name)} must not begin with "}": the keys of its queue would not stay together in a cluster.`,
  );
}
