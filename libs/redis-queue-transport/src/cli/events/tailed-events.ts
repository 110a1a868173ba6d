import { MessageReader } from '../../core/admin/message-reader.js';
import { BodyFormat } from '../../core/body/body.js';
import { jsonCodec } from '../../core/body/codec.js';
import type { QueuedMessage } from '../../index.js';
import { knownCodecs } from '../connection/codecs.js';

/** As the library has it for consumers, which know what they take. Nothing is decoded that was not sent by it. */
const MOST_BYTES = 16 * 1_048_576;

export type TailedEvent = QueuedMessage & { readonly pattern: string };

/** How elements are read. Events have their bodies with them: nothing is parked. */
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
