import type { EventAdminBroker } from '../../core/admin/event-admin-broker.js';
import { notYet } from '../process/not-yet.js';
import type { Contact } from '../link/contact.js';
import type { MemoryStore } from '../store/memory-store.js';

/** Tends the groups and histories of a store. */
export class MemoryEventAdmin implements EventAdminBroker {
  constructor(
    readonly store: MemoryStore,
    readonly prefix: string,
    readonly contact: Contact,
  ) {}

  index = (): Promise<never> => notYet('index');
  declare = (): Promise<never> => notYet('declare');
  retire = (): Promise<never> => notYet('retire');
  endHistory = (): Promise<never> => notYet('endHistory');
  forgetListeners = (): Promise<never> => notYet('forgetListeners');
  history = (): Promise<never> => notYet('history');
  lastEntry = (): Promise<never> => notYet('lastEntry');
  replay = (): Promise<never> => notYet('replay');
}
