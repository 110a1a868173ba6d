import { baggageEntryMetadataFromString, propagation } from '@opentelemetry/api';
import type { Baggage, BaggageEntry } from '@opentelemetry/api';

/** The header of https://www.w3.org/TR/baggage/, with the limits of that page. */
const BAGGAGE = 'baggage';
const MOST_ENTRIES = 180;
const MOST_BYTES = 8_192;

type Headers = Readonly<Record<string, string>>;

/** The baggage as a header; entries beyond the limits are left out. Undefined if no entry is left. */
export function baggageHeaders(baggage: Baggage | undefined): Record<string, string> | undefined {
  let text = '';
  for (const [name, entry] of baggage?.getAllEntries().slice(0, MOST_ENTRIES) ?? []) {
    const longer = `${text}${text === '' ? '' : ','}${written(name, entry)}`;
    if (longer.length <= MOST_BYTES) text = longer;
  }
  return text === '' ? undefined : { [BAGGAGE]: text };
}

/** Both name and value are encoded, so one character is one byte. */
function written(name: string, { value, metadata }: BaggageEntry): string {
  const pair = `${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
  const more = metadata?.toString();
  return more === undefined || more === '' ? pair : `${pair};${more}`;
}

/** Undefined if the headers have none that can be read. */
export function baggageOfHeaders(headers: Headers): Baggage | undefined {
  const text = Object.hasOwn(headers, BAGGAGE) ? headers[BAGGAGE] : undefined;
  if (text === undefined || text.length > MOST_BYTES) return undefined;
  const entries: Record<string, BaggageEntry> = Object.create(null) as Record<string, BaggageEntry>; // any name
  for (const member of text.split(',', MOST_ENTRIES)) {
    const [name, entry] = read(member) ?? [];
    if (name !== undefined && entry !== undefined) entries[name] = entry;
  }
  return Object.keys(entries).length === 0 ? undefined : propagation.createBaggage(entries);
}

const MEMBER = /^\s*([^=;\s]+)\s*=\s*([^;]*?)\s*(?:;(.*))?$/s;

function read(member: string): readonly [string, BaggageEntry] | undefined {
  const [, name, value, more] = MEMBER.exec(member) ?? [];
  if (name === undefined || value === undefined) return undefined;
  try {
    const entry = { value: decodeURIComponent(value) };
    const metadata = more?.trim() ?? '';
    return [
      decodeURIComponent(name),
      metadata === '' ? entry : { ...entry, metadata: baggageEntryMetadataFromString(metadata) },
    ];
  } catch {
    return undefined; // a percent sign that is not an escape
  }
}
