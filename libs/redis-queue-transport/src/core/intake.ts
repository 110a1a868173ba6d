import { Delivery } from './delivery.js';
import { decodeElement } from './envelope.js';
import { deadLetter } from './outcome.js';
import type { Outcome } from './outcome.js';

/** What is to be done with an element that was taken. */
export type Intake =
  | { readonly kind: 'run'; readonly delivery: Delivery }
  /** It was found running when a process died: nothing else may run beside it. */
  | { readonly kind: 'runAlone'; readonly delivery: Delivery }
  /** Not to be run at all. */
  | { readonly kind: 'settle'; readonly delivery: Delivery; readonly outcome: Outcome }
  /** Its time is over. */
  | { readonly kind: 'expired'; readonly delivery: Delivery };

/** Reads a taken element and decides, before any handler sees it. */
export function inspect(queue: string, element: Buffer, maxCrashes: number, nowMs: number): Intake {
  let envelope;
  try {
    envelope = decodeElement(element);
  } catch (error) {
    const delivery = new Delivery(queue, element, decodeElement(UNREADABLE));
    return { kind: 'settle', delivery, outcome: deadLetter('undecodable', error) };
  }
  const delivery = new Delivery(queue, element, envelope);
  const { crashes, expiresAtMs } = envelope;
  if (crashes >= maxCrashes) {
    const error = new Error(`The process died ${crashes} times while it ran this message.`);
    return { kind: 'settle', delivery, outcome: deadLetter('crashed', error) };
  }
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs) return { kind: 'expired', delivery };
  return { kind: crashes > 0 ? 'runAlone' : 'run', delivery };
}

/** Stands in for the envelope of an element that has none that can be read. */
const UNREADABLE = Buffer.from('null');
