import type { Codec } from '../../index.js';

/** Codecs that can be read in addition to JSON and bytes: MessagePack, if its library is installed. */
export async function knownCodecs(): Promise<readonly Codec[]> {
  try {
    const { msgpackCodec } = await import('../../msgpack.js');
    return [msgpackCodec];
  } catch (error) {
    if (Reflect.get(Object(error), 'code') === 'ERR_MODULE_NOT_FOUND') return [];
    throw error;
  }
}
