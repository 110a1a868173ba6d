import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { RedisUnavailableError } from '../../core/errors/call-errors.js';
import { messageOf } from '../../core/errors/message-of.js';
import type { ConnectionOptions, RedisCredentials } from './connection-options.js';

type Credentials = NonNullable<ConnectionOptions['credentials']>;

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

/** An ioredis client that asks for user and password before each attempt to connect. ioredis reconnects by `connect()` too. */
export class CredentialedRedis extends Redis {
  readonly #credentials: Credentials;
  #asking: Promise<void> | undefined;
  #again: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #isGivenUp = false;

  constructor(options: RedisOptions, credentials: Credentials) {
    super({ ...options, replyMapping: 'legacy' }); // as safeSettings() has it
    this.#credentials = credentials;
  }

  override connect(): Promise<void> {
    if (this.#again !== undefined) return Promise.resolve(); // the timer connects soon
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  override disconnect(reconnect = false): void {
    if (!reconnect) {
      this.#isGivenUp = true;
      clearTimeout(this.#again);
    }
    super.disconnect(reconnect);
  }

  async #ask(): Promise<void> {
    let given: RedisCredentials;
    try {
      given = usable(await this.#credentials());
    } catch (error) {
      return this.#askAgain(error);
    }
    if (this.#isGivenUp) return;
    this.#pauseMs = FIRST_PAUSE_MS;
    const { username, password } = given;
    Object.assign(this.options, { username, password });
    await super.connect();
  }

  #askAgain(cause: unknown): void {
    if (this.#isGivenUp) return;
    this.#again = setTimeout(() => {
      this.#again = undefined;
      this.connect().catch(() => undefined); // reported as 'error'
    }, this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    const text = `The option connection.credentials did not return any: ${messageOf(cause)}`;
    this.emit('error', new RedisUnavailableError(text, { cause }));
  }
}

function usable(given: unknown): RedisCredentials {
  if (typeof given === 'object' && given !== null) {
    const { username, password } = given as Partial<Record<keyof RedisCredentials, unknown>>; // both are checked below
    if (typeof password === 'string' && (username === undefined || typeof username === 'string'))
      return { username, password };
  }
  throw new TypeError('it must return { username, password }, both text');
}

/** Opens clients with these options, and with credentials that are asked for with each connection. */
export function openerWith(
  options: RedisOptions,
  credentials: Credentials | undefined,
): (settings: RedisOptions) => Redis {
  return credentials === undefined
    ? (settings) => new Redis({ ...options, ...settings })
    : (settings) => new CredentialedRedis({ ...options, ...settings }, credentials);
}
