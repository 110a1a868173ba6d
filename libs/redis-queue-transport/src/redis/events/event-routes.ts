import type { EventIndex } from '../../core/events/event-index.js';
import type { Keys } from '../keys/keys.js';
import type { ScriptArgument } from '../script/rows.js';
import { routeValues } from './emit.script.js';
import type { EmitRoute } from './emit.script.js';

export interface Route extends EmitRoute {
  /** The key of the ids for `deduplicate`. */
  readonly emitted: string;
  readonly groups: number;
  /** The queues of its lists. */
  readonly queues: readonly string[];
  /** Emitting stores something in Redis. */
  readonly isHeld: boolean;
  /** For a route that stores nothing: the values of the route and the first one of an event. */
  readonly lone: readonly ScriptArgument[];
}

/** How many patterns are remembered: an unlimited number of patterns must not fill the memory. */
const MOST_ROUTES = 1_000;

/** The routes of one version of the index. */
export class EventRoutes {
  readonly #routes = new Map<string, Route>();

  constructor(
    private readonly index: EventIndex,
    private readonly keys: Keys,
  ) {}

  get version(): string {
    return this.index.version;
  }

  of(pattern: string): Route {
    return this.#routes.get(pattern) ?? this.#add(pattern);
  }

  #add(pattern: string): Route {
    if (this.#routes.size >= MOST_ROUTES) this.#routes.clear();
    const route = this.#routeOf(pattern);
    this.#routes.set(pattern, route);
    return route;
  }

  #routeOf(pattern: string): Route {
    const { listeners, queues, groups, histories } = this.index.routeOf(pattern);
    const channels = listeners.map((listened) => this.keys.event(listened));
    return {
      channels,
      lone: [...routeValues({ channels, lists: [], histories: [] }, undefined, () => 0), 1],
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
