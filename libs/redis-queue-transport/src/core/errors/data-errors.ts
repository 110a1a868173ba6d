import { RedisQueueError } from './redis-queue-error.js';

/** The data of a message cannot be encoded (a BigInt, a circular structure …). Nothing was sent. */
export class UnencodableError extends RedisQueueError {
  override readonly name = 'UnencodableError';
  readonly code = 'UNENCODABLE';
}

/** The bytes of an element cannot be read as an envelope or as data. The element is dead-lettered. */
export class UndecodableError extends RedisQueueError {
  override readonly name = 'UndecodableError';
  readonly code = 'UNDECODABLE';
}

/**
 * The option `key` of a group's handler cannot tell the key of this event: it threw, or returned something that is no key.
 * The event is dead-lettered, and was not handled.
 */
export class UnreadableKeyError extends RedisQueueError {
  override readonly name = 'UnreadableKeyError';
  readonly code = 'UNREADABLE_KEY';
}

/**
 * A body is larger than `maxPayloadBytes`. At the sender: nothing was sent. At the receiver: the message is dead-lettered
 * without being decoded.
 */
export class PayloadTooLargeError extends RedisQueueError {
  override readonly name = 'PayloadTooLargeError';
  readonly code = 'PAYLOAD_TOO_LARGE';

  constructor(
    /** Size of the encoded body. */
    readonly bytes: number,
    readonly maxPayloadBytes: number,
  ) {
    super(
      `The body has ${bytes} bytes, but maxPayloadBytes is ${maxPayloadBytes}. Send it in parts or by reference, ` +
        'or raise maxPayloadBytes on both sides.',
    );
  }
}

/** The header of a message would be longer than the 64 KiB that consumers read. Nothing was sent. */
export class HeaderTooLargeError extends RedisQueueError {
  override readonly name = 'HeaderTooLargeError';
  readonly code = 'HEADER_TOO_LARGE';

  constructor(
    /** Size of the header: id, pattern, headers and metadata, as JSON. */
    readonly bytes: number,
    readonly maxBytes: number,
  ) {
    super(
      `The header (id, pattern, headers, metadata) has ${bytes} bytes, but at most ${maxBytes} can be sent. ` +
        'Put large values into the data.',
    );
  }
}
