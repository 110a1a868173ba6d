import type { AsyncResource } from 'node:async_hooks';
import type { Channel } from '../link/channel.js';
import type { Contact } from '../link/contact.js';
import type { Store } from '../store/store.js';
import type { Space } from '../store/space.js';
import type { MemoryBrokerEvents, MemoryBrokerOptions } from './broker-options.js';
import type { Names } from './names.js';

/** What the parts of a broker share. */
export interface Surroundings {
  readonly store: Store;
  /** What the store holds under the broker's prefix. Only commands may touch it. */
  readonly space: Space;
  readonly contact: Contact;
  /** What the process listens to. */
  readonly channel: Channel;
  readonly names: Names;
  readonly options: MemoryBrokerOptions;
  readonly events: MemoryBrokerEvents;
  /** Callbacks run in this async context, not in that of the call that caused them. */
  readonly home: AsyncResource;
  /** Opens the link, or waits for it. */
  readonly connect: () => Promise<void>;
}
