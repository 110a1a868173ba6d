import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { assertSubscribable } from '../../core/events/event-patterns.js';
import { invalid } from '../../core/options/options.js';
import { MOST_CONCURRENT, OPTION_NAMES, isOf } from './option-table.js';
import type { HandlerKind, OptionName, OptionsOf, ResolvedOf } from './option-table.js';
import { assertPrefetch, resolveFor } from './resolve-options.js';
import type { ResolvedServerOptions } from './resolve-options.js';

export type MessageOptions = ResolvedOf<'message'>;
export type LiveOptions = ResolvedOf<'live'>;
/** `group` is the handler's own, or else the server's. */
export type DurableOptions = ResolvedOf<'durable'> & { readonly group: string };
/** The options of a handler whose messages wait in a queue. */
export type QueueOptions = Omit<MessageOptions, 'feedFrom'> &
  Partial<Pick<MessageOptions, 'feedFrom'>> &
  Partial<Pick<DurableOptions, 'onFull' | 'key'>>;

/** The kind of a handler, which its options decide, with the options of that kind. */
export type ResolvedHandler =
  | { readonly kind: 'message'; readonly options: MessageOptions }
  | { readonly kind: 'durable'; readonly options: DurableOptions }
  | { readonly kind: 'live'; readonly options: LiveOptions };

/** The options of a message handler's decorator, completed with those of its server. @throws InvalidOptionError */
export function resolveMessageHandler(
  extras: object,
  server: ResolvedServerOptions,
  pattern: string,
): MessageOptions {
  return resolvedFor(pattern, () => {
    refuseMisplaced('message', pattern, (name) => isGiven(extras, name));
    return resolve(['message'], extras, server, pattern);
  });
}

/**
 * The same for an event handler, which hears events live or gets copies for its group.
 * @throws InvalidOptionError | InvalidPatternError
 */
export function resolveEventHandler(
  extras: object,
  server: ResolvedServerOptions,
  pattern: string,
): ResolvedHandler {
  assertSubscribable(pattern);
  return resolvedFor(pattern, () => {
    const options = resolve(['message', 'durable', 'live'], extras, server, pattern);
    const group = groupOf(options, server, pattern);
    const kind = group === undefined ? 'live' : 'durable';
    // Live handlers may say `from: 'new'`, which resolves to undefined: they start with new events anyway.
    refuseMisplaced(
      kind,
      pattern,
      (name) => isGiven(extras, name) && (name !== 'from' || options.from !== undefined),
    );
    if (isGiven(extras, 'onFull') && options.maxLength === undefined)
      throw new InvalidOptionError(
        'onFull',
        'onFull says what happens beyond maxLength: give that too',
      );
    return group === undefined
      ? { kind: 'live', options }
      : { kind: 'durable', options: Object.freeze({ ...options, group }) };
  });
}

/** If a handler does not set one of these, the server's value applies. */
const OF_SERVERS_TOO = OPTION_NAMES.filter(
  (name): name is OptionsOf<'server'> & OptionsOf<'message'> =>
    isOf(name, 'server') && isOf(name, 'message'),
);

function resolve<Kind extends HandlerKind>(
  kinds: readonly Kind[],
  extras: object,
  server: ResolvedServerOptions,
  pattern: string,
): ResolvedOf<Kind> {
  const given = extras as Partial<Record<OptionName, unknown>>; // nothing is checked yet
  const ofServer = Object.fromEntries(OF_SERVERS_TOO.map((name) => [name, server[name]]));
  // The server's concurrency counts messages, that of a batch handler batches.
  const above = given.batch === undefined ? ofServer : { ...ofServer, concurrency: 1 };
  const who = `The handler of "${pattern}"`;
  // The kind of an event handler is not known yet, but options that all kinds have follow the rules for messages.
  const options = resolveFor<HandlerKind>(kinds, extras, who, above) as MessageOptions;
  assertFewEnough(options);
  // The server's prefetch is for all handlers. If one of them runs more, it is raised for that one.
  if (given.prefetch !== undefined) {
    assertNotLimited(options); // First: beside a limit, no prefetch is right.
    assertPrefetch(options.prefetch, options.concurrency * (options.batch?.size ?? 1));
  }
  assertForeign(options, server.prefix);
  return options as unknown as ResolvedOf<Kind>;
}

type Batched = Pick<MessageOptions, 'concurrency' | 'batch'>;

function assertFewEnough({ concurrency, batch }: Batched): void {
  const most = Math.floor(MOST_CONCURRENT / (batch?.size ?? 1));
  if (concurrency <= most) return;
  throw invalid('concurrency', `a whole number of batches from 1 to ${most}`, concurrency);
}

function assertForeign({ feedFrom }: Pick<MessageOptions, 'feedFrom'>, prefix: string): void {
  if (feedFrom?.list.startsWith(`${prefix}:`) !== true) return;
  const { list } = feedFrom;
  throw invalid(
    'feedFrom.list',
    `a list of another program, not one with the prefix ${prefix} of this library`,
    list,
  );
}

/** What is taken in advance would have places that others need, and start when no rate counts it any more. */
function assertNotLimited({ limit }: Pick<MessageOptions, 'limit'>): void {
  if (limit === undefined) return;
  throw new InvalidOptionError(
    'prefetch',
    'prefetch and limit exclude each other: leave out prefetch, since what a process takes in advance would use up the limit',
  );
}

function groupOf(
  { group, durable }: Pick<ResolvedOf<'durable'>, 'group' | 'durable'>,
  server: ResolvedServerOptions,
  pattern: string,
): string | undefined {
  if (durable === false && group !== undefined)
    throw new InvalidOptionError('durable', 'durable: false and a group exclude each other');
  if (group !== undefined || durable !== true) return group;
  if (server.group !== undefined) return server.group;
  throw new InvalidOptionError(
    'durable',
    `durable: true of the handler of "${pattern}" needs a group: set the option group of the server, ` +
      'or of this handler',
  );
}

/** Refuses options that would have no effect on a handler of this kind. @throws InvalidOptionError */
function refuseMisplaced(
  kind: HandlerKind,
  pattern: string,
  isSaid: (name: OptionName) => boolean,
): void {
  for (const name of OPTION_NAMES) {
    const isMisplaced = !isOf(name, kind) && isOf(name, 'message', 'durable', 'live');
    if (isMisplaced && isSaid(name))
      throw new InvalidOptionError(name, misplaced(name, kind, `the handler of "${pattern}"`));
  }
}

function isGiven(extras: object, name: OptionName): boolean {
  return Reflect.get(extras, name) !== undefined;
}

function misplaced(name: OptionName, kind: HandlerKind, handler: string): string {
  if (kind === 'message' && name === 'key')
    return `key is for groups, which read it from events, but ${handler} handles messages: their sender gives the key, as in enqueue(pattern, data, { key })`;
  if (kind === 'message')
    return `${name} is for events, but ${handler} handles messages: use @EventPattern and emit()`;
  if (isOf(name, 'message') && !isOf(name, 'durable'))
    return `${name} is for message queues, but ${handler} handles events: use @MessagePattern`;
  if (kind === 'durable')
    return `${name} is for live events, but ${handler} has a group, which misses nothing: leave it out`;
  return isOf(name, 'message')
    ? `${name} is for messages that wait in a queue, but ${handler} hears live events: use @MessagePattern and enqueue(), or give it a group`
    : `${name} ${name === 'from' ? 'says where a new group starts' : 'is for groups'}, but ${handler} hears events live: add group or durable`;
}

/** Adds the handler to errors about its options, since a server may have many. @throws InvalidOptionError */
function resolvedFor<T>(pattern: string, resolveIt: () => T): T {
  try {
    return resolveIt();
  } catch (error) {
    const handler = `handler of "${pattern}"`;
    if (!(error instanceof InvalidOptionError) || error.message.includes(handler)) throw error;
    throw new InvalidOptionError(error.option, `${error.message} (${handler})`);
  }
}
