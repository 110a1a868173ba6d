import type { AdminBroker, FoundElement } from '../../core/admin/admin-broker.js';
import type { EventAdminBroker } from '../../core/admin/event-admin-broker.js';
import { notYet } from '../process/not-yet.js';
import type { Contact } from '../link/contact.js';
import type { MemoryStore } from '../store/memory-store.js';
import { MemoryEventAdmin } from './memory-event-admin.js';

/** Looks into the queues of a store, and changes them. */
export class MemoryAdmin implements AdminBroker {
  readonly events: EventAdminBroker;

  constructor(
    private readonly store: MemoryStore,
    private readonly prefix: string,
    private readonly contact: Contact,
  ) {
    this.events = new MemoryEventAdmin(store, prefix, contact);
  }

  queues(): Promise<readonly string[]> {
    const { listed } = this.store.space(this.prefix);
    return this.contact.call('list queues', () => [...listed.keys()]);
  }

  lengths = (): Promise<never> => notYet('lengths');
  look = (): Promise<never> => notYet('look');
  consumers = (): Promise<never> => notYet('consumers');
  waiting = (): Promise<never> => notYet('waiting');
  suspects = (): Promise<never> => notYet('suspects');
  held = (): Promise<never> => notYet('held');
  delayed = (): Promise<never> => notYet('delayed');
  advance = (): Promise<never> => notYet('advance');
  deadLetters = (): Promise<never> => notYet('deadLetters');
  deadLetter = (): Promise<never> => notYet('deadLetter');
  redrive = (): Promise<never> => notYet('redrive');
  deleteDeadLetters = (): Promise<never> => notYet('deleteDeadLetters');
  parkedBodies = (): Promise<never> => notYet('parkedBodies');
  setPaused = (): Promise<never> => notYet('setPaused');
  find = (): Promise<FoundElement | undefined> => notYet('find');
  remove = (): Promise<never> => notYet('remove');
  purge = (): Promise<never> => notYet('purge');
  redisInfo = (): Promise<never> => notYet('redisInfo');

  close(): Promise<void> {
    this.contact.close();
    return Promise.resolve();
  }
}
