import { Wants } from '../../core/events/event-index.js';
import type { Keys } from '../keys/keys.js';
import { VERSION_FIELD } from '../lua/index-version-lua.js';
import type { ScriptArgument } from '../script/rows.js';
import type { Wildcards } from '../subscriptions/wildcards.js';
import { routeValues } from './emit.script.js';
import type { EmitRoute } from './emit.script.js';

export interface Route extends EmitRoute {
  readonly pattern: string;
  /** The key of the index of its pattern. */
  readonly index: string;
  /** The version of that index. */
  readonly version: string;
  /** The version of the index of wildcards. */
  readonly wildcards: string;
  readonly own: Wants;
  /** The key of the ids for `deduplicate`. */
  readonly emitted: string;
  readonly groups: number;
  /** The queues of its lists. */
  readonly queues: readonly string[];
  /** Emitting stores something in Redis. */
  readonly isHeld: boolean;
  /** For a route that stores nothing: the check, the values of the route and the first one of an event. */
  readonly lone: readonly ScriptArgument[];
}

/** How many patterns are remembered, up to twice that: an unlimited number of patterns must not fill the memory. */
const MOST_ROUTES = 1_000;

/** Nobody has ever wanted this pattern, as far as is known. */
const NEW = '';

/**
 * Where events go, by what is known of their patterns and of the wildcards. What is not right is noticed by the emit script,
 * which tells what is.
 */
export class EventRoutes {
  #routes = new Map<string, Route>();
  /** Those that were used before; they stay if they are used again. */
  #older = new Map<string, Route>();

  constructor(
    private readonly wildcards: Wildcards,
    private readonly keys: Keys,
  ) {}

  of(pattern: string): Route {
    const known = this.#routes.get(pattern);
    if (known?.wildcards === this.wildcards.version) return known;
    const older = known ?? this.#older.get(pattern);
    if (older?.wildcards === this.wildcards.version) return this.#keep(older);
    return this.#keep(this.#routeOf(older?.own ?? new Wants(pattern), older?.version ?? NEW));
  }

  /** The fields of the index of one pattern. */
  learn(pattern: string, fields: ReadonlyMap<string, string>): void {
    const own = new Wants(pattern);
    for (const [field, value] of fields) own.set(field, value);
    this.#keep(this.#routeOf(own, fields.get(VERSION_FIELD) ?? NEW));
  }

  #keep(route: Route): Route {
    if (this.#routes.size >= MOST_ROUTES) {
      this.#older = this.#routes;
      this.#routes = new Map();
    }
    this.#routes.set(route.pattern, route);
    return route;
  }

  #routeOf(own: Wants, version: string): Route {
    const { pattern } = own;
    const { listeners, queues, groups, histories } = this.wildcards.index.routeOf(pattern, own);
    const channels = listeners.map((listened) => this.keys.event(listened));
    const route = { channels, lists: [], histories: [] };
    return {
      pattern,
      index: this.keys.index(pattern).index,
      version,
      wildcards: this.wildcards.version,
      own,
      channels,
      lone: [LONE_KEY, version, ...routeValues(route, LONE_CHECK, undefined, () => 0), 1],
      queues,
      lists: queues.map((queue) => this.keys.queue(queue)),
      histories: histories.map(({ pattern: kept, maxLength, maxAgeMs }) => ({
        ...this.keys.history(kept),
        told: this.keys.told(kept),
        maxLength,
        maxAgeMs,
      })),
      emitted: this.keys.emitted(pattern),
      groups,
      isHeld: queues.length > 0 || histories.length > 0,
    };
  }
}

/** The number of the key of the only check. */
const LONE_KEY = 2;
const LONE_CHECK = 1;
