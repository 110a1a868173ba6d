import { jsonCodec } from '../../core/body/codec.js';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { invalid, resolveOptions } from '../../core/options/options.js';
import type { Rules } from '../../core/options/options.js';
import type { ConnectionSource } from '../../open-broker.js';
import { assertDistinctCodecs } from './codec-options.js';
import { OPTIONS, OPTION_NAMES, isOf } from './option-table.js';
import type { Owner, ResolvedOf } from './option-table.js';
import type {
  RedisQueueAdminOptions,
  RedisQueueClientOptions,
  RedisQueueServerOptions,
} from './options.js';

export type ResolvedServerOptions = ResolvedOf<'server'>;
export type ResolvedClientOptions = ResolvedOf<'client'>;
export type ResolvedAdminOptions = ResolvedOf<'admin'>;

/** The given options of these owners, completed from `above`, then with defaults. @throws InvalidOptionError */
export function resolveFor<O extends Owner>(
  owners: readonly O[],
  given: object,
  who: string,
  above: Partial<ResolvedOf<O>> = {},
): ResolvedOf<O> {
  const names = OPTION_NAMES.filter((name) => isOf(name, ...owners));
  for (const name of OPTION_NAMES) {
    const isOfHandlers = !isOf(name, ...owners) && isOf(name, 'message', 'durable');
    if (isOfHandlers && Object.hasOwn(given, name))
      throw new InvalidOptionError(
        name,
        `${who} has no option ${name}: it is one of a handler, as in @MessagePattern(pattern, { ${name}: … })`,
      );
  }
  const rules = Object.fromEntries(names.map((name) => [name, OPTIONS[name].rule]));
  const fallbacks = Object.fromEntries(names.map((name) => [name, OPTIONS[name].fallback]));
  // For each option of an owner, the table has a rule and a fallback of the option's type.
  return resolveOptions<ResolvedOf<O>>(
    given,
    rules as unknown as Rules<ResolvedOf<O>>,
    { ...fallbacks, ...above } as unknown as ResolvedOf<O>,
    who,
  );
}

/** Marks resolved options. They may be given in place of a user's, and are then left as they are. */
const RESOLVED = Symbol('RESOLVED');

function resolveOnce<O extends Owner>(
  owner: O,
  given: object,
  who: string,
  check: (options: ResolvedOf<O>) => void,
): ResolvedOf<O> {
  if (typeof given !== 'object' || given === null)
    throw invalid('options', `an object with the options of ${who}`, given);
  if (Reflect.get(given, RESOLVED) === owner) return given as ResolvedOf<O>; // The mark is only set on resolved options of this owner.
  const options = { ...resolveFor<O>([owner], given, who) };
  check(options);
  return Object.freeze(Object.defineProperty(options, RESOLVED, { value: owner }));
}

/** A user's options, or options whose connection comes from resolved ones. */
type Given<T> = T | (Omit<T, 'connection'> & { readonly connection: ConnectionSource });

/** @throws InvalidOptionError */
export function resolveServerOptions(given: Given<RedisQueueServerOptions>): ResolvedServerOptions {
  return resolveOnce('server', given, 'RedisQueueServer', (options) => {
    assertDistinctCodecs(options);
    assertPrefetch(options.prefetch, options.concurrency);
  });
}

/** @throws InvalidOptionError */
export function resolveClientOptions(given: Given<RedisQueueClientOptions>): ResolvedClientOptions {
  return resolveOnce('client', given, 'RedisQueueClient', assertDistinctCodecs);
}

/** @throws InvalidOptionError */
export function resolveAdminOptions(given: Given<RedisQueueAdminOptions>): ResolvedAdminOptions {
  return resolveOnce('admin', given, 'RedisQueueAdmin', ({ codecs }) =>
    assertDistinctCodecs({ codec: jsonCodec, codecs }),
  );
}

/** Refuses a `prefetch` below the concurrency: running messages are held too. @throws InvalidOptionError */
export function assertPrefetch(prefetch: number | undefined, concurrency: number): void {
  if (prefetch === undefined || prefetch >= concurrency) return;
  throw invalid(
    'prefetch',
    `at least the number of messages that may run at once, which is ${concurrency} (concurrency)`,
    prefetch,
  );
}
