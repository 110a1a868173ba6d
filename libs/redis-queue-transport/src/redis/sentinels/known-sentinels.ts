import { SentinelConnector, SentinelIterator } from 'ioredis';
import type { RedisOptions, SentinelAddress, SentinelConnectionOptions } from 'ioredis';
import { SENTINEL_PORT } from './sentinel-options.js';

type SentinelConnectorClass = NonNullable<RedisOptions['Connector']>;

/** Those that are gone must not fill the memory, nor hold up who asks one after the other. */
const MOST_LEARNT = 10;

/**
 * The Sentinels that a process has learnt of beside those that it was given. Those may all be replaced, one after the
 * other, while it runs.
 */
export class KnownSentinels {
  readonly #learnt = new Map<string, SentinelAddress>();

  /** The latest last. */
  get learnt(): readonly SentinelAddress[] {
    return [...this.#learnt.values()];
  }

  learn(sentinel: SentinelAddress): void {
    const address = addressText(sentinel);
    this.#learnt.delete(address);
    this.#learnt.set(address, sentinel);
    const [oldest] = this.#learnt.keys();
    if (this.#learnt.size > MOST_LEARNT && oldest !== undefined) this.#learnt.delete(oldest);
  }

  /** How a client of ioredis finds the primary: by those that it was given, and those. */
  get connector(): SentinelConnectorClass {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- for a class that ioredis makes instances of
    const known = this;
    return class extends SentinelConnector {
      constructor(options: unknown) {
        const given = options as SentinelConnectionOptions; // those of the client that makes it
        super(given);
        this.sentinelIterator = new GrowingIterator(given.sentinels ?? [], known);
      }
    };
  }
}

/** ioredis asks one after the other, until one replies. */
class GrowingIterator extends SentinelIterator {
  constructor(
    given: Partial<SentinelAddress>[],
    private readonly known: KnownSentinels,
  ) {
    super(given);
  }

  override next(): ReturnType<SentinelIterator['next']> {
    for (const sentinel of this.known.learnt) this.add(sentinel);
    return super.next();
  }
}

export function addressText({
  host = '127.0.0.1',
  port = SENTINEL_PORT,
}: Partial<SentinelAddress>): string {
  return `${host}:${port}`;
}
