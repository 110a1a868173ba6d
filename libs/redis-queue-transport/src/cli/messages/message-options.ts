import type { Call, Options } from '../command/command.js';
import { UsageError } from '../words/usage-error.js';

/** Options that the three verbs share. */
export const MESSAGE_OPTIONS = {
  file: {
    short: 'f',
    value: 'FILE',
    about: 'send each line of this file, which is JSON (- for standard input), instead of DATA',
  },
  records: {
    about: 'lines of the file are { "data": …, "id": …, "headers": { … } } rather than data alone',
  },
  text: { about: 'DATA, or each line, is text and not JSON' },
  key: { value: 'KEY', about: 'messages with the same key are handled one after the other' },
  priority: { value: 'N', about: 'from 0 to 9; higher ones are handed out first, 4 by default' },
  id: { value: 'ID', about: 'id of the message; without it, one is made' },
  header: {
    short: 'H',
    value: 'NAME=VALUE',
    isList: true,
    about: 'a header; may be given several times',
  },
  'expires-in': { value: 'TIME', about: 'drop it if no handler has begun it by then' },
} as const satisfies Options;

export const DEDUPLICATE = {
  value: 'TIME',
  about: 'do not add another message with this id for this long; needs an id',
};

/** The headers that the call gives. @throws UsageError */
export function headersOf({ given }: Call): Record<string, string> | undefined {
  const pairs = given.list('header').map((text): [string, string] => {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`--header must be NAME=VALUE, got "${text}".`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

/** The options without those that were not given. */
export function without<T extends object>(options: T): Partial<T> {
  const kept = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as Partial<T>; // some of its members
}

/** The data of one message, as typed or as in a line of the file. @throws UsageError */
export function dataOf(text: string, isText: boolean, where: string): unknown {
  if (isText) return text;
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new UsageError(
      `${where} is not JSON: ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`,
      'Write text as \'"text"\', or add --text.',
    );
  }
  return notNull(data, where);
}

export function notNull(data: unknown, where: string): unknown {
  if (data !== null && data !== undefined) return data;
  throw new UsageError(
    `${where} is ${data === null ? 'null' : 'missing'}, which Nest’s clients do not send.`,
  );
}
