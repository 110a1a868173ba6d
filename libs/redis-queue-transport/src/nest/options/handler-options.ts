import { InvalidOptionError } from '../../core/errors/start-errors.js';
import { assertSubscribable } from '../../core/events/event-patterns.js';
import { invalid } from '../../core/options/options.js';
import { MOST_CONCURRENT, OPTION_NAMES, isOf } from './option-table.js';
import type { HandlerKind, OptionName, OptionsOf, ResolvedOf } from './option-table.js';
import { assertPrefetch, resolveFor } from './resolve-options.js';
import type { ResolvedServerOptions } from './resolve-options.js';

export type MessageOptions = ResolvedOf<'message'>;
export type LiveOptions = ResolvedOf<'live'>;
/** With the group that was given, or that of the server. */
export type DurableOptions = ResolvedOf<'durable'> & { readonly group: string };
/** Of a handler whose messages wait in a queue. */
export type QueueOptions = Omit<MessageOptions, 'feedFrom'> &
  Partial<Pick<MessageOptions, 'feedFrom'>>;

/** A handler's options say of which kind it is. */
export type ResolvedHandler =
  | { readonly kind: 'message'; readonly options: MessageOptions }
  | { readonly kind: 'durable'; readonly options: DurableOptions }
  | { readonly kind: 'live'; readonly options: LiveOptions };

/** What the decorator of a message handler says, over what its server says. @throws InvalidOptionError */
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

/** The same of an event handler, which hears events live or gets copies for its group. @throws InvalidOptionError | InvalidPatternError */
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
    // To begin with what is new, which is no `from` any more, is what live events do anyway.
    refuseMisplaced(
      kind,
      pattern,
      (name) => isGiven(extras, name) && (name !== 'from' || options.from !== undefined),
    );
    return group === undefined
      ? { kind: 'live', options }
      : { kind: 'durable', options: Object.freeze({ ...options, group }) };
  });
}

/** What a handler does not say itself, its server says. */
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
  const given = extras as Partial<Record<OptionName, unknown>>; // of which nothing is believed yet
  const ofServer = Object.fromEntries(OF_SERVERS_TOO.map((name) => [name, server[name]]));
  // That of a server counts messages.
  const above = given.batch === undefined ? ofServer : { ...ofServer, concurrency: 1 };
  const who = `The handler of "${pattern}"`;
  // Events are read before their kind is known; the rules of messages hold for what all kinds have.
  const options = resolveFor<HandlerKind>(kinds, extras, who, above) as MessageOptions;
  assertFewEnough(options);
  // That of the server is for all handlers, and is raised where one of them runs more.
  if (given.prefetch !== undefined)
    assertPrefetch(options.prefetch, options.concurrency * (options.batch?.size ?? 1));
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
  throw invalid('feedFrom.list', `a list that is not of this library (prefix ${prefix})`, list);
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
    `durable: true of the handler of "${pattern}" needs a group: give the server its name with the option group, ` +
      'or the handler one of its own',
  );
}

/** What a handler says that would have no effect it may not say. @throws InvalidOptionError */
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
  if (kind === 'message')
    return `${name} is for events, and ${handler} is one of messages: use @EventPattern and emit()`;
  if (isOf(name, 'message') && !isOf(name, 'durable'))
    return `${name} is for the queues of messages, and ${handler} is one of events: use @MessagePattern`;
  if (kind === 'durable')
    return `${name} is for live events, and ${handler} has a group, which misses nothing: leave it out`;
  return isOf(name, 'message')
    ? `${name} is for what waits in a queue, and ${handler} hears live events: use @MessagePattern and enqueue(), or give it a group`
    : `${name} needs a group that can begin there, and ${handler} hears events live: add group or durable`;
}

/** Says of a handler's option which handler it is: a server may have many. @throws what `resolve` throws */
function resolvedFor<T>(pattern: string, resolveIt: () => T): T {
  try {
    return resolveIt();
  } catch (error) {
    const handler = `handler of "${pattern}"`;
    if (!(error instanceof InvalidOptionError) || error.message.includes(handler)) throw error;
    throw new InvalidOptionError(error.option, `${error.message} (${handler})`);
  }
}
