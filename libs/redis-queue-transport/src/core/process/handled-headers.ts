import { AsyncLocalStorage } from 'node:async_hooks';
import type { AsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { Channel } from 'node:diagnostics_channel';
import { ownContext } from './own-context.js';

type Headers = Readonly<Record<string, string>>;

/**
 * Through this channel a server tells clients in the same process what it handles. Node keeps it by its name, so that every
 * copy of this package has the same one; while nobody wants to know, it costs a look.
 */
// What is told through it is all ours; Node cannot know that of a name.
const HANDLED = channel('nestjs-redis-queue-transport.handled') as Channel<Headers, Headers>;

/** An {@link ownContext}, in which {@link HandledHeaders} knows the headers of what is handled. */
export function contextOfHandled(headers: Headers): AsyncResource {
  return HANDLED.hasSubscribers ? HANDLED.runStores(headers, ownContext) : ownContext();
}

/** The same for several that are handled together: the headers that all of them have alike. */
export function contextOfBatch(headers: () => readonly Headers[]): AsyncResource {
  return HANDLED.hasSubscribers ? HANDLED.runStores(commonTo(headers()), ownContext) : ownContext();
}

/** The headers of the message that is handled where it is asked, whichever server handles it. */
export class HandledHeaders {
  readonly #storage = new AsyncLocalStorage<Headers>();

  /** Messages that are handled from now on are known. */
  open(): void {
    HANDLED.bindStore(this.#storage);
  }

  /** May be called twice. */
  close(): void {
    HANDLED.unbindStore(this.#storage);
  }

  /** Those of these names; undefined where no message is handled. */
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
