import { isMeantBy, isWildcard } from './event-patterns.js';
import { subscriptionOf } from '../message/queue-name.js';

/** How much of a history is kept; at least one of the bounds is set. */
export interface HistoryBounds {
  readonly maxLength?: number | undefined;
  readonly maxAgeMs?: number | undefined;
}

export interface EventHistory extends HistoryBounds {
  /** The pattern whose events it keeps; may have wildcards. */
  readonly pattern: string;
}

/** Where an event of one concrete pattern goes. */
export interface EventRoute {
  /** The patterns under which live listeners hear it: its own, and wildcards that have listeners. */
  readonly listeners: readonly string[];
  /** The queues of the subscriptions that get a copy. */
  readonly queues: readonly string[];
  /** How many groups these are: one group may have several matching subscriptions. */
  readonly groups: number;
  readonly histories: readonly EventHistory[];
}

/** The field that changes whenever another field changes. */
export const VERSION_FIELD = 'version';
const LISTENERS = 'listeners:';
const HEARD = 'heard:';
const HISTORY = 'history:';

/**
 * The field that says that a pattern has live listeners. Emitters need it for wildcards only. For other patterns it
 * explains why nobody takes an enqueued message.
 */
export function listenersField(pattern: string): string {
  return (isWildcard(pattern) ? LISTENERS : HEARD) + pattern;
}

/** The field that says that the events of a pattern are kept. */
export function historyField(pattern: string): string {
  return HISTORY + pattern;
}

export function historyValue({ maxLength, maxAgeMs }: HistoryBounds): string {
  return JSON.stringify({ maxLength, maxAgeMs });
}

/**
 * The groups and listeners that want events, and the histories, at one version. The field of a subscription is the name
 * of its queue. Unknown fields are ignored.
 */
export class EventIndex {
  readonly version: string;
  readonly queues: readonly string[];
  /** Wildcards that have or had live listeners. */
  readonly listeners: readonly string[];
  readonly histories: readonly EventHistory[];
  /** Patterns without wildcards that have or had live listeners. */
  readonly #heard: ReadonlySet<string>;

  constructor(fields: ReadonlyMap<string, string>) {
    const names = [...fields.keys()];
    this.version = fields.get(VERSION_FIELD) ?? '';
    this.queues = names.filter((name) => subscriptionOf(name) !== undefined).sort();
    this.listeners = namedBy(LISTENERS, names).filter(isWildcard).sort();
    this.#heard = new Set(namedBy(HEARD, names));
    this.histories = namedBy(HISTORY, names)
      .map((name) => readHistory(name, fields.get(HISTORY + name) ?? ''))
      .sort((a, b) => (a.pattern < b.pattern ? -1 : 1));
  }

  /** Whether there are or were live listeners that match the pattern. */
  isHeard(pattern: string): boolean {
    return this.#heard.has(pattern) || this.listeners.some((filter) => isMeantBy(filter, pattern));
  }

  routeOf(pattern: string): EventRoute {
    const isWanted = (filter: string): boolean => isMeantBy(filter, pattern);
    const subscriptions = this.queues
      .map((queue) => ({ queue, subscription: subscriptionOf(queue) }))
      .filter(({ subscription }) => subscription !== undefined && isWanted(subscription.pattern));
    return {
      listeners: [pattern, ...this.listeners.filter(isWanted)],
      queues: subscriptions.map(({ queue }) => queue),
      groups: groupsOf(subscriptions.map(({ queue }) => queue)),
      // The event's own pattern first: people ask for it by that.
      histories: [
        ...this.histories.filter((history) => history.pattern === pattern),
        ...this.histories.filter(
          (history) => history.pattern !== pattern && isWanted(history.pattern),
        ),
      ],
    };
  }
}

/** How many groups have these queues. */
export function groupsOf(queues: readonly string[]): number {
  return new Set(queues.map((queue) => subscriptionOf(queue)?.group)).size;
}

function namedBy(kind: string, fields: readonly string[]): string[] {
  return fields.filter((field) => field.startsWith(kind)).map((field) => field.slice(kind.length));
}

function readHistory(pattern: string, value: string): EventHistory {
  try {
    const { maxLength, maxAgeMs } = JSON.parse(value) as Record<string, unknown>; // checked field by field
    return { pattern, maxLength: bound(maxLength), maxAgeMs: bound(maxAgeMs) };
  } catch {
    // Written by hand, without bounds: keep what a person can look through.
    return { pattern, maxLength: 1_000 };
  }
}

function bound(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
