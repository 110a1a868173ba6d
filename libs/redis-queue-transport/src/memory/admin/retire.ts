import type { Retired } from '../../core/admin/event-admin-broker.js';
import { historyField } from '../../core/events/event-index.js';
import type { Space } from '../store/space.js';
import { forgetRests } from '../queue/lanes.js';
import { purge } from './changes.js';

/** Ends a subscription, so that no copy comes any more. Without dead letters, an emptied queue is no longer listed. */
export function retire(space: Space, name: string, waiting: 'drop' | 'keep'): Retired {
  const queue = space.queue(name);
  const wasThere = space.events.deleteField(name);
  space.events.cursors.delete(name);
  queue.terms.clear();
  queue.termsBy = undefined;
  // What is kept still goes on before what comes later.
  queue.isKeyed = queue.unkeyed.length > 0;
  if (waiting === 'keep') return { wasThere, dropped: 0 };
  const dropped = purge(queue, 'all');
  queue.isKeyed = false;
  forgetRests(queue, 'all');
  if (queue.dead.length === 0) space.listed.delete(name);
  return { wasThere, dropped };
}

/** Ends a history, so that no event is added any more. If it begins again, its numbers go on. */
export function endHistory(space: Space, pattern: string, entries: 'drop' | 'keep'): Retired {
  const history = space.events.history(pattern);
  const wasThere = space.events.deleteField(historyField(pattern));
  if (entries === 'keep') return { wasThere, dropped: 0 };
  const dropped = history.entries.length;
  history.entries.clear();
  return { wasThere, dropped };
}
