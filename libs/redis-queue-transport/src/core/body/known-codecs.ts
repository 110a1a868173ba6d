import { jsonCodec, rawCodec } from './codec.js';
import type { Codec } from './codec.js';
import { UndecodableError } from '../errors/data-errors.js';

/** The codecs that this side can read, by their name in the header. */
export class KnownCodecs {
  readonly #byName: ReadonlyMap<string, Codec>;

  constructor(codecs: readonly Codec[]) {
    this.#byName = new Map(
      [...codecs, jsonCodec, rawCodec].map((codec) => [codec.name, codec] as const),
    );
  }

  find(name: string): Codec | undefined {
    return this.#byName.get(name);
  }

  /** @throws UndecodableError that says what is missing */
  named(name: string): Codec {
    const codec = this.#byName.get(name);
    if (codec !== undefined) return codec;
    throw new UndecodableError(
      `The body was written by the codec ${JSON.stringify(name)}, but this side reads only ` +
        `${[...this.#byName.keys()].join(', ')}. ${adviceFor(name)}`,
    );
  }
}

function adviceFor(name: string): string {
  return name === 'msgpack'
    ? "Install msgpackr and set `codecs: [msgpackCodec]`, from 'nestjs-redis-queue-transport/msgpack'."
    : 'Add the codec of that name to the option `codecs`.';
}
