import { JSON_CODEC, RAW_CODEC, jsonCodec, rawCodec } from '../../core/body/codec.js';
import type { Codec } from '../../core/body/codec.js';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { invalid } from '../../core/options/options.js';

const NAME = /^[\w.-]+$/;

/** Checks that it is a codec. What its methods take and return cannot be checked from outside. */
export function codecRule(value: unknown, option: string): Codec {
  if (isCodec(value)) return ofThisCopy(value);
  const hasMethods = 'an object with name (letters, digits, ".", "_", "-"), encode() and decode()';
  throw invalid(option, hasMethods + adviceFor(value), value);
}

/**
 * Replaces a built-in codec of another copy of this package with ours, which the rest of the code recognises. A codec
 * that is derived from a built-in one is a different codec.
 */
function ofThisCopy(codec: Codec): Codec {
  if (Object.hasOwn(codec, JSON_CODEC)) return jsonCodec;
  return Object.hasOwn(codec, RAW_CODEC) ? rawCodec : codec;
}

export function codecsRule(value: unknown, option: string): readonly Codec[] {
  if (!Array.isArray(value)) throw invalid(option, 'an array of codecs', value);
  return value.map((codec: unknown, index) => codecRule(codec, `${option}[${index}]`));
}

/** A name in a header must mean one codec. @throws InvalidOptionError */
export function assertDistinctCodecs(options: {
  readonly codec: Codec;
  readonly codecs: readonly Codec[];
}): void {
  const byName = new Map([jsonCodec, rawCodec].map((codec) => [codec.name, codec] as const));
  for (const codec of [options.codec, ...options.codecs]) {
    const other = byName.get(codec.name);
    if (other !== undefined && other !== codec) {
      throw new InvalidOptionError(
        'codecs',
        `codecs must have different names, got two called "${codec.name}"`,
      );
    }
    byName.set(codec.name, codec);
  }
}

const OURS: ReadonlyMap<unknown, string> = new Map([
  ['json', " (jsonCodec, from 'nestjs-redis-queue-transport')"],
  ['raw', " (rawCodec, from 'nestjs-redis-queue-transport')"],
  ['msgpack', " (msgpackCodec, from 'nestjs-redis-queue-transport/msgpack')"],
]);

/** For a user who gave the name of a built-in codec in place of the codec. */
function adviceFor(value: unknown): string {
  return OURS.get(value) ?? '';
}

function isCodec(value: unknown): value is Codec {
  if (typeof value !== 'object' || value === null) return false;
  const { name, encode, decode } = value as Record<keyof Codec, unknown>;
  return (
    typeof name === 'string' &&
    NAME.test(name) &&
    typeof encode === 'function' &&
    typeof decode === 'function'
  );
}
