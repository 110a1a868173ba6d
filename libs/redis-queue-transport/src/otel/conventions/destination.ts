import { subscriptionOf } from '../../core/message/queue-name.js';
import type { ObservedDelivery } from '../../index.js';

/** Where a message or an event came from. */
export interface Destination {
  /** The pattern of the message, or the event's own. */
  readonly name: string;
  /** The pattern with wildcards by which the handler gets the event; undefined if there are none. */
  readonly template: string | undefined;
  /** The group of a durable event. */
  readonly group: string | undefined;
}

export function destinationOf({ queue, pattern, isLive }: ObservedDelivery): Destination {
  const subscription = isLive ? { group: undefined, pattern: queue } : subscriptionOf(queue);
  // Anyone who pushes to a queue of messages may write any pattern into the header: it means nothing there.
  if (subscription === undefined) return { name: queue, template: undefined, group: undefined };
  const name = pattern ?? subscription.pattern;
  const template = name === subscription.pattern ? undefined : subscription.pattern;
  return { name, template, group: subscription.group };
}
