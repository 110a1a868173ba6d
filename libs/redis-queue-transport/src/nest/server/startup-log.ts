import { listed } from '../log/listed.js';
import type { QueueOptions } from '../options/handler-options.js';
import type { Served } from './served.js';

/** Logs what a server serves, how, and where. */
export function tellServed(served: Served, place: string): void {
  const { options, logger } = served;
  const { prefix, concurrency, maxConcurrency } = options;
  const inAll = maxConcurrency === undefined ? '' : `, ${maxConcurrency} in all`;
  const lines = [...linesOf(served)];
  if (lines.length === 0) {
    logger.warn(
      `Listens at ${place} with the prefix "${prefix}", but serves nothing: no controller of the app has a ` +
        '@MessagePattern or @EventPattern for this transport.',
    );
    return;
  }
  logger.log(
    `Serves from ${place} with the prefix "${prefix}". Runs each handler up to ${concurrency} times at once${inAll}.`,
  );
  for (const line of lines) logger.log(line);
}

function* linesOf(served: Served): Iterable<string> {
  const { registry } = served;
  if (registry.messages.size > 0) yield `Messages: ${listed(messagesOf(served))}`;
  for (const [group, names] of groupsOf(served))
    yield `Events of the group "${group}": ${listed(names)}`;
  if (registry.events.size > 0) yield `Live events: ${listed(liveOf(served))}`;
}

function messagesOf({ registry, options }: Served): string[] {
  return [...registry.messages].map(([pattern, handler]) =>
    named(pattern, handler.options, options),
  );
}

function groupsOf({ registry, options }: Served): ReadonlyMap<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { pattern, options: ofHandler } of registry.durable.values()) {
    const { group } = ofHandler;
    groups.set(group, [...(groups.get(group) ?? []), named(pattern, ofHandler, options)]);
  }
  return groups;
}

function liveOf({ registry, options }: Served): string[] {
  const { recovering } = registry;
  return [...registry.events].map(([pattern, handlers]) => {
    const notes = handlers.length > 1 ? [`${handlers.length} handlers`] : [];
    for (const handler of handlers) notes.push(...limitsOf(handler.options, options));
    if (recovering.has(pattern)) notes.push('recovers');
    return withNotes(pattern, notes);
  });
}

type Limits = Pick<QueueOptions, 'concurrency'> & Partial<Pick<QueueOptions, 'batch' | 'feedFrom'>>;

function named(pattern: string, options: Limits, server: Limits): string {
  const { feedFrom } = options;
  const list = feedFrom === undefined ? [] : [`from the list "${feedFrom.list}"`];
  return withNotes(pattern, [...limitsOf(options, server), ...list]);
}

/** The options that differ from those of the server. */
function limitsOf({ concurrency, batch }: Limits, server: Limits): string[] {
  if (batch !== undefined)
    return [
      concurrency === 1
        ? `in batches of ${batch.size}`
        : `${concurrency} batches of ${batch.size} at once`,
    ];
  return concurrency === server.concurrency ? [] : [`${concurrency} at once`];
}

function withNotes(pattern: string, notes: readonly string[]): string {
  const name = JSON.stringify(pattern);
  return notes.length === 0 ? name : `${name} (${[...new Set(notes)].join(', ')})`;
}
