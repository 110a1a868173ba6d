import { Packr } from 'msgpackr';
import type { Codec } from './core/body/codec.js';

export type { Codec } from './core/body/codec.js';

/** Plain MessagePack that any language reads; what is read shares no memory with what it was read from. */
const packrOptions = {
  useRecords: false,
  copyBuffers: true,
  // As with JSON; documented, and missing in the types of msgpackr.
  skipValues: [undefined],
  encodeUndefinedAsNil: true,
};
const packr = new Packr(packrOptions);

/** Data as MessagePack: bytes (as Buffer), dates and 64-bit integers stay what they are. */
export const msgpackCodec: Codec = Object.freeze({
  name: 'msgpack',
  encode: (value: unknown): Buffer => packr.pack(value),
  decode: (body: Buffer): unknown => packr.unpack(body) as unknown,
});
