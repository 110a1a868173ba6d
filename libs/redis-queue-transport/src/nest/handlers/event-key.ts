import type { KeyOfData } from '../../core/keying/key-reader.js';
import { UnreadableKeyError } from '../../core/errors/data-errors.js';
import { messageOf } from '../../core/errors/message-of.js';
import { MOST_KEY_BYTES, isKey } from '../../core/message/key.js';
import type { PacketCodec } from '../packets/packet-codec.js';

/** The handler's option `key`: tells the key of an event from its data. */
export class EventKey {
  constructor(
    private readonly pattern: string,
    private readonly codec: PacketCodec,
    private readonly tell: (data: unknown) => unknown,
  ) {}

  /** Reads the data first. */
  readonly ofEnvelope: KeyOfData = (envelope) => {
    const data = this.codec.decodeRequest(envelope, envelope.pattern ?? this.pattern);
    return data instanceof Promise ? data.then(this.of) : this.of(data);
  };

  /** Undefined for no key. @throws UnreadableKeyError */
  readonly of = (data: unknown): string | undefined => {
    const key = this.#tell(data);
    if (key === undefined || key === null) return undefined;
    if (typeof key === 'string' && isKey(key)) return key;
    // A promise is already a mistake, whatever it resolves to.
    if (key instanceof Promise) key.catch(() => undefined);
    throw this.#error(
      `must return text with at most ${MOST_KEY_BYTES} bytes (percent-encoded), or undefined for no key; got ${shown(key)}`,
    );
  };

  #tell(data: unknown): unknown {
    try {
      return this.tell(data);
    } catch (error) {
      throw this.#error(`failed: ${messageOf(error)}`, error);
    }
  }

  #error(what: string, cause?: unknown): UnreadableKeyError {
    return new UnreadableKeyError(`The option key of the handler of "${this.pattern}" ${what}`, {
      cause,
    });
  }
}

function shown(key: unknown): string {
  if (typeof key === 'string')
    return key === '' ? 'empty text' : `text of ${key.length} characters`;
  if (key instanceof Promise) return 'a promise';
  return typeof key === 'object' ? 'an object' : `a ${typeof key}`;
}
