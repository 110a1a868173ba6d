import { MessageReader } from '../../core/admin/message-reader.js';
import { BodyFormat } from '../../core/body/body.js';
import { jsonCodec } from '../../core/body/codec.js';
import type { QueuedMessage } from '../../index.js';
import { knownCodecs } from '../connection/codecs.js';

/** The library's own default for consumers. Larger data was not sent by this library, and is not decoded. */
const MOST_BYTES = 16 * 1_048_576;

export type TailedEvent = QueuedMessage & { readonly pattern: string };

/** Returns the function that reads elements. Events carry their bodies: nothing is parked. */
export async function tailedEvents(): Promise<(pattern: string, element: Buffer) => TailedEvent> {
  const format = new BodyFormat({
    codec: jsonCodec,
    codecs: await knownCodecs(),
    maxPayloadBytes: MOST_BYTES,
    compressAboveBytes: false,
  });
  const reader = new MessageReader({ parkedBodies: () => Promise.resolve(new Map()) }, format);
  return (pattern, element) => ({ ...reader.event(element), pattern });
}
