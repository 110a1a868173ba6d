import { AsyncLocalStorage } from 'node:async_hooks';
import type { AsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { Channel } from 'node:diagnostics_channel';
import { ownContext } from './own-context.js';

type Headers = Readonly<Record<string, string>>;

/**
 * Through this channel, a server tells clients in the same process which headers belong to what it handles. Node finds
 * channels by name, so all copies of this package share it. While nobody subscribes, it costs only the check for that.
 */
// Only this package publishes here; Node cannot know that from the name.
const HANDLED = channel('nestjs-redis-queue-transport.handled') as Channel<Headers, Headers>;

/** An {@link ownContext} in which {@link HandledHeaders} finds the headers of the handled message. */
export function contextOfHandled(headers: Headers): AsyncResource {
  return HANDLED.hasSubscribers ? HANDLED.runStores(headers, ownContext) : ownContext();
}

/** The same for messages that are handled together: finds the headers that are equal in all of them. */
export function contextOfBatch(headers: () => readonly Headers[]): AsyncResource {
  return HANDLED.hasSubscribers ? HANDLED.runStores(commonTo(headers()), ownContext) : ownContext();
}

/** Finds the headers of the message that the calling code handles, whichever server of this process received it. */
export class HandledHeaders {
  readonly #storage = new AsyncLocalStorage<Headers>();

  /** From now on, {@link pick} finds headers. Handlers that are already running stay unknown. */
  open(): void {
    HANDLED.bindStore(this.#storage);
  }

  /** May be called twice. */
  close(): void {
    HANDLED.unbindStore(this.#storage);
  }

  /** The headers with these names. Undefined if the calling code handles no message. */
  pick(names: readonly string[]): Headers | undefined {
    const headers = this.#storage.getStore();
    if (headers === undefined) return undefined;
    const own = names.filter((name) => Object.hasOwn(headers, name));
    return Object.fromEntries(own.map((name) => [name, headers[name] ?? '']));
  }
}

function commonTo([first = {}, ...others]: readonly Headers[]): Headers {
  const alike = Object.entries(first).filter(([name, value]) =>
    others.every((headers) => Object.hasOwn(headers, name) && headers[name] === value),
  );
  return Object.fromEntries(alike);
}
