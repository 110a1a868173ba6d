import { Packr } from 'msgpackr';
import type { Codec } from './core/body/codec.js';

export type { Codec } from './core/body/codec.js';

/** Plain MessagePack, which any language can read. Decoded data shares no memory with the body. */
const packrOptions = {
  useRecords: false,
  copyBuffers: true,
  // Leaves out undefined values, as JSON does. Documented, but missing in the types of msgpackr.
  skipValues: [undefined],
  encodeUndefinedAsNil: true,
};
const packr = new Packr(packrOptions);

/** Data as MessagePack: bytes (as Buffer), dates and 64-bit integers keep their types. */
export const msgpackCodec: Codec = Object.freeze({
  name: 'msgpack',
  encode: (value: unknown): Buffer => packr.pack(value),
  decode: (body: Buffer): unknown => packr.unpack(body) as unknown,
});
