import { UnsubscriptionError } from 'rxjs';
import type { Subscription } from 'rxjs';
import { messageOf } from '../../core/errors/message-of.js';

/**
 * Unsubscribes from what a handler returned, once nobody waits for it. It may never end, or emit anything, by itself. What
 * its teardown throws goes to `onError`: the result no longer counts, so nothing else tells of it.
 */
export function letGo(
  subscription: Subscription,
  queue: string,
  onError: (error: unknown) => void,
): void {
  try {
    subscription.unsubscribe();
  } catch (error) {
    const causes: readonly unknown[] =
      error instanceof UnsubscriptionError ? error.errors : [error];
    const said = causes.map(messageOf).join('; ');
    const text = `The Observable that the handler of "${queue}" returned failed when it was unsubscribed: ${said}`;
    onError(new Error(text, { cause: error }));
  }
}
