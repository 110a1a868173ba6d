import { isWildcard } from './event-patterns.js';
import { FilterTree } from './filter-tree.js';
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

/** A field of the index, and its value. The field of a subscription is the name of its queue. */
export type IndexField = readonly [field: string, value: string];

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

/** The pattern that a field is about; undefined for a field that nobody knows. */
export function patternOfField(field: string): string | undefined {
  const kind = [LISTENERS, HEARD, HISTORY].find((start) => field.startsWith(start));
  return kind === undefined ? subscriptionOf(field)?.pattern : field.slice(kind.length);
}

/** What is wanted of one pattern, which may have wildcards. */
export class Wants {
  /** Most patterns have no group, or one. */
  #queues: Set<string> | undefined;
  #history: EventHistory | undefined;
  #isHeard = false;

  constructor(readonly pattern: string) {}

  /** The queues of its groups. */
  get queues(): readonly string[] {
    return this.#queues === undefined ? [] : [...this.#queues];
  }

  get history(): EventHistory | undefined {
    return this.#history;
  }

  /** It has or had live listeners. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  get isEmpty(): boolean {
    return (this.#queues?.size ?? 0) === 0 && this.#history === undefined && !this.#isHeard;
  }

  /** Undefined removes it. Unknown fields, and those of other patterns, are ignored. */
  set(field: string, value: string | undefined): void {
    const { pattern } = this;
    if (field === listenersField(pattern)) this.#isHeard = value !== undefined;
    else if (field === historyField(pattern))
      this.#history = value === undefined ? undefined : readHistory(pattern, value);
    else if (subscriptionOf(field)?.pattern === pattern) {
      if (value === undefined) this.#queues?.delete(field);
      else (this.#queues ??= new Set()).add(field);
    }
  }
}

/** The groups and listeners that want events, and the histories. */
export class EventIndex {
  /** Patterns without wildcards. */
  readonly #exact = new Map<string, Wants>();
  readonly #filters = new FilterTree<Wants>();

  constructor(fields: Iterable<IndexField> = []) {
    for (const [field, value] of fields) this.set(field, value);
  }

  /** Undefined removes a field. Unknown ones are ignored. */
  set(field: string, value: string | undefined): void {
    const pattern = patternOfField(field);
    if (pattern === undefined) return;
    const ofKind = isWildcard(pattern) ? this.#filters : this.#exact;
    const wants = ofKind.get(pattern) ?? new Wants(pattern);
    wants.set(field, value);
    if (wants.isEmpty) ofKind.delete(pattern);
    else ofKind.set(pattern, wants);
  }

  get queues(): readonly string[] {
    return this.#all.flatMap(({ queues }) => queues).sort();
  }

  /** Wildcards that have or had live listeners. */
  get listeners(): readonly string[] {
    return [...this.#filters.values()].flatMap(heardPattern).sort();
  }

  get histories(): readonly EventHistory[] {
    return this.#all.flatMap(({ history }) => history ?? []).sort(byPattern);
  }

  /** Whether there are or were live listeners that match the pattern. */
  isHeard(pattern: string): boolean {
    const isHeard = (wants: Wants | undefined): boolean => wants?.isHeard === true;
    return isHeard(this.#exact.get(pattern)) || this.#filters.matching(pattern).some(isHeard);
  }

  /** @param own what is wanted of the pattern itself, if somebody else knows it */
  routeOf(pattern: string, own = this.#exact.get(pattern)): EventRoute {
    const filters = this.#filters.matching(pattern);
    const queues = [...(own?.queues ?? []), ...filters.flatMap((wants) => wants.queues)].sort();
    return {
      listeners: [pattern, ...filters.flatMap(heardPattern).sort()],
      queues,
      groups: groupsOf(queues),
      // The event's own pattern first: people ask for it by that.
      histories: [
        ...(own?.history === undefined ? [] : [own.history]),
        ...filters.flatMap(({ history }) => history ?? []).sort(byPattern),
      ],
    };
  }

  get #all(): Wants[] {
    return [...this.#exact.values(), ...this.#filters.values()];
  }
}

/** How many groups have these queues. */
export function groupsOf(queues: readonly string[]): number {
  return new Set(queues.map((queue) => subscriptionOf(queue)?.group)).size;
}

function heardPattern({ isHeard, pattern }: Wants): string[] {
  return isHeard ? [pattern] : [];
}

function byPattern(one: EventHistory, other: EventHistory): number {
  return one.pattern < other.pattern ? -1 : 1;
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
