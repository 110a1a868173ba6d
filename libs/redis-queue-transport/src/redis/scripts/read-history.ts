import { MOST_MOVED } from '../history-lua.js';
import { Script, readArray, readBuffer } from '../script.js';

/** An event of a history, or as it is told to those who recover. */
export interface Told {
  /** Counts the events of the history, from 1. */
  readonly number: number;
  readonly id: string;
  readonly element: Buffer;
}

export interface HistoryPage {
  /** How many events the history ever had. */
  readonly total: number;
  readonly events: readonly Told[];
}

/** So many events one call reads at the most. */
export const MOST_READ = MOST_MOVED;

/**
 * Reads a part of a history. Replies { how many events it ever had, its last entry or "0-0", entries from `from` on }.
 * With a `count` of 0 there are none.
 */
export const readHistory = new Script({
  action: 'read a history',
  keys: ['history', 'historyCount'],
  args: ['from', 'count'],
  lua: `
local newest = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
local entries = {}
if tonumber(count) > 0 then entries = redis.call('XRANGE', history, from, '+', 'COUNT', count) end
return { redis.call('GET', historyCount) or '0', newest and newest[1] or '0-0', entries }
`,
  read: (reply): HistoryPage & { readonly newest: string } => {
    const [total, newest, entries] = readArray(reply);
    return {
      total: Number(readBuffer(total).toString()),
      newest: readBuffer(newest).toString(),
      events: readArray(entries).map(readEntry),
    };
  },
});

function readEntry(entry: unknown): Told {
  const [id, fields] = readArray(entry);
  const [, number, , element] = readArray(fields);
  return {
    id: readBuffer(id).toString(),
    number: Number(readBuffer(number).toString()),
    element: readBuffer(element),
  };
}

/** The reverse of what the emit script publishes for those who recover: number and id, a newline, the element. */
export function readTold(message: Buffer): Told | undefined {
  const end = message.indexOf(0x0a);
  const [number = '', id = ''] = message.toString('latin1', 0, Math.max(0, end)).split(' ');
  if (!/^\d+$/.test(number) || !/^\d+-\d+$/.test(id)) return undefined;
  return { number: Number(number), id, element: message.subarray(end + 1) };
}
