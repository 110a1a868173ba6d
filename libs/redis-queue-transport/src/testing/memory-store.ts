import type { AdminBroker } from '../core/admin/admin-broker.js';
import { nodeRuntime } from '../core/process/node-runtime.js';
import { BROKER_SOURCE } from '../core/source/broker-source.js';
import type {
  BrokerEvents,
  BrokerSettings,
  BrokerSource,
  OpenBroker,
  PlaceSettings,
} from '../core/source/broker-source.js';
import { MemoryAdmin } from '../memory/admin/memory-admin.js';
import { MemoryBroker } from '../memory/broker/memory-broker.js';
import { Contact } from '../memory/link/contact.js';
import { DirectLink } from '../memory/link/direct-link.js';
import { Store } from '../memory/store/store.js';

/**
 * Stands in for one Redis server, within this process. Give it as the option `connection` of servers, clients and admins:
 * those with the same store meet. Nothing is kept when the process ends.
 */
export class MemoryStore implements BrokerSource {
  /** @internal */
  readonly [BROKER_SOURCE] = true;
  readonly #store = new Store(nodeRuntime);
  #processes = 0;

  /**
   * Moves the store's clock forward by this many ms, beside the time that passes by itself. What becomes due is handed out
   * at once: delayed messages and retries, and what waited for a rate or a `SlowDown`. Deadlines, ids to be remembered and
   * dead letters age as well. Leases do not end by it, as their consumers renew them.
   */
  advance(ms: number): void {
    this.#store.clock.advance(ms);
    this.#store.wakeAll();
  }

  /** Adds elements at the right end of a list, as another program does for a handler with `feedFrom`. */
  pushToList(key: string, ...elements: readonly (string | Buffer)[]): void {
    this.#store.run(() => {
      for (const element of elements) this.#store.list(key).push(Buffer.from(element));
    });
  }

  /** @internal Called by what it is given to. */
  open(settings: BrokerSettings, events: BrokerEvents): OpenBroker {
    this.#processes += 1;
    const process = `memory-${this.#processes}`;
    const own = { process, runtime: nodeRuntime, link: new DirectLink(nodeRuntime) };
    const broker = new MemoryBroker(this.#store, { ...settings, ...own }, events);
    return { broker, native: undefined, place: 'memory', health: () => broker.health() };
  }

  /** @internal Likewise. */
  openAdmin({ prefix }: PlaceSettings): AdminBroker {
    const contact = new Contact(this.#store, new DirectLink(nodeRuntime), nodeRuntime);
    return new MemoryAdmin(this.#store, prefix, contact);
  }
}
