import { UnsubscriptionError } from 'rxjs';
import type { Subscription } from 'rxjs';
import { messageOf } from '../../core/errors/message-of.js';

/**
 * Unsubscribes from an Observable that a handler returned, when nobody waits for it any more: it may never end, or emit
 * anything, by itself. An error of its teardown goes to `onError`. Nothing else would report it, since the result no
 * longer counts.
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
