import { limitText } from '../../core/broker/limit.js';
import type { Broker, OtherTerms, QueueTerms } from '../../core/broker/broker.js';
import { perKeyTerms } from '../../core/broker/per-key.js';
import { listed } from '../log/listed.js';
import type { QueueOptions } from '../options/handler-options.js';
import type { ResolvedServerOptions } from '../options/resolve-options.js';
import type { Served } from './served.js';

/** Queues whose other servers differ in the same way. */
interface Difference {
  readonly queues: string[];
  readonly processes: Set<string>;
}

/**
 * Compares the options of this server with those of other servers of the same queues. If the outcome of a message
 * depends on which server takes it, warns once at the start, with one line for each kind of difference.
 */
export async function compareTerms(served: Served, broker: Broker): Promise<void> {
  const differences = new Map<string, Difference>();
  const compared = [...termsOf(served)].map(async ([queue, terms]) => {
    const other = await broker.noteTerms(queue, terms);
    if (other === undefined) return;
    const text = difference(terms, other);
    const { queues, processes } = differences.get(text) ?? { queues: [], processes: new Set() };
    differences.set(text, { queues, processes });
    queues.push(JSON.stringify(queue));
    processes.add(other.process);
  });
  await Promise.all(compared);
  for (const [text, { queues, processes }] of differences) {
    served.logger.warn(
      `${listed(queues)} ${queues.length === 1 ? 'is' : 'are'} also served by ${listed([...processes])} with other ` +
        `options: ${text}. What happens to a message depends on which server takes it: give all servers of a queue the ` +
        'same options. You can ignore this while a deployment replaces servers that had other options.',
    );
  }
}

function difference(terms: QueueTerms, { values }: OtherTerms): string {
  return [...values]
    .map(([name, there]) => `${name} is ${terms[name]} here and ${there} there`)
    .join(', ');
}

function* termsOf({ registry, options }: Served): Iterable<[string, QueueTerms]> {
  for (const [queue, handler] of [...registry.messages, ...registry.durable])
    yield [queue, queueTerms(options, handler.options)];
}

/** The options that decide what happens to a message. Options that only affect speed may differ between machines. */
function queueTerms(
  {
    maxCrashes,
    deadLetterLimit,
    deadLetterMaxAgeMs,
    maxPayloadBytes,
    ...server
  }: ResolvedServerOptions,
  { retry, once, perKey, key, maxLength, onFull = 'refuse', limit, order }: QueueOptions,
): QueueTerms {
  const codecs = ['json', 'raw', ...[server.codec, ...server.codecs].map(({ name }) => name)];
  return {
    'retry.attempts': String(retry.attempts),
    maxCrashes: String(maxCrashes),
    deadLetterLimit: String(deadLetterLimit ?? 'none'),
    deadLetterMaxAgeMs: String(deadLetterMaxAgeMs),
    'once.windowMs': String(once?.windowMs ?? 'none'),
    ...perKeyTerms(perKey),
    key: key === undefined ? 'as sent' : 'from data',
    maxPayloadBytes: String(maxPayloadBytes),
    maxLength: String(maxLength ?? 'none'),
    onFull,
    limit: limitText(limit),
    order,
    codecs: [...new Set(codecs)].sort().join(', '),
  };
}
