import type { Broker } from '../broker/broker.js';
import { Delivery } from './delivery.js';
import { decodeElement } from '../message/envelope.js';
import type { Envelope, ReplyAddress } from '../message/envelope.js';
import { UndecodableError } from '../errors/data-errors.js';
import { deadLetter } from './outcome.js';
import type { Outcome } from './outcome.js';

/** What to do with an element that was taken. */
export type Intake =
  | Runnable
  /** It must not run. */
  | { readonly kind: 'settle'; readonly delivery: Delivery; readonly outcome: Outcome }
  /** It has expired. */
  | { readonly kind: 'expired'; readonly delivery: Delivery };

/** A class and not a literal, since one is made for each message: docs/decisions/0014. */
class Runnable {
  readonly kind = 'run';

  constructor(readonly delivery: Delivery) {}
}

/** Reads a taken element and decides what to do with it, before any handler sees it. */
export function inspect(
  queue: string,
  element: Buffer,
  maxCrashes: number,
  broker: Pick<Broker, 'isReplyList' | 'nowMs'>,
): Intake {
  let envelope;
  try {
    envelope = decodeElement(element);
  } catch (error) {
    const delivery = new Delivery(queue, element, unreadable());
    return { kind: 'settle', delivery, outcome: deadLetter('undecodable', error) };
  }
  const delivery = new Delivery(queue, element, envelope);
  const { crashes, replyTo } = envelope;
  // It cannot get a reply, so it is not run as a request. If it is redriven, it is a message without a caller.
  if (replyTo !== undefined && !broker.isReplyList(replyTo.list)) {
    return { kind: 'settle', delivery, outcome: deadLetter('undecodable', noReplyList(replyTo)) };
  }
  if (crashes >= maxCrashes) {
    const error = new Error(`The process died ${crashes} times while it ran this message.`);
    return { kind: 'settle', delivery, outcome: deadLetter('crashed', error) };
  }
  if (isExpired(envelope, broker)) return { kind: 'expired', delivery };
  return new Runnable(delivery);
}

/** Whether it is too late for its handler to start. */
export function isExpired({ expiresAtMs }: Envelope, broker: Pick<Broker, 'nowMs'>): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= broker.nowMs();
}

function noReplyList({ list }: ReplyAddress): UndecodableError {
  return new UndecodableError(
    `The header field "replyTo" does not name a reply list of this prefix: ${JSON.stringify(list)}. Nothing was written there.`,
  );
}

const NO_HEADER = Buffer.from('null');

/** Replaces the envelope of an unreadable element. */
export function unreadable(): Envelope {
  return decodeElement(NO_HEADER);
}
