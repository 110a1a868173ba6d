import type { HistoryPage, Told } from '../../core/subscriptions/history-page.js';
import { Script, readArray, readBuffer } from '../script/script.js';
import { READ_PART } from './history-lua.js';

/**
 * Reads a part of a history. Replies with { how many events it ever had, its last entry (or the last of this part) or
 * "0-0", entries from `from` on, 1 if there may be more }. With an empty `from`, it reads no entries.
 */
export const readHistory = new Script({
  action: 'read a history',
  keys: ['history', 'historyCount'],
  args: ['from'],
  shared: [READ_PART],
  lua: `
local entries, rest = {}, false
if from ~= '' then entries, rest = readPart(from, '+') end
-- If it is large, it is read only once. If more is to come, nobody needs the last one.
local newest = entries[#entries] or redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
return { redis.call('GET', historyCount) or '0', newest and newest[1] or '0-0', entries, rest and 1 or 0 }
`,
  read: (reply): HistoryPage => {
    const [total, newest, part, mayHaveMore] = readArray(reply);
    const entries = readArray(part);
    return {
      total: Number(readBuffer(total).toString()),
      newest: readBuffer(newest).toString(),
      events: entries.flatMap((entry) => readEntry(entry) ?? []),
      readTo: mayHaveMore === 1 ? idOf(entries.at(-1)) : undefined,
    };
  },
});

function idOf(entry: unknown): string {
  return readBuffer(readArray(entry)[0]).toString();
}

/** Undefined for an entry that no emit wrote. */
function readEntry(entry: unknown): Told | undefined {
  const [id, fields] = readArray(entry);
  const [, number, , element] = readArray(fields);
  if (!Buffer.isBuffer(number) || !Buffer.isBuffer(element)) return undefined;
  if (!/^\d+$/.test(number.toString('latin1'))) return undefined;
  return { id: readBuffer(id).toString(), number: Number(number.toString()), element };
}

/** Reads what the emit script publishes for listeners that recover: number and id, a newline, the element. */
export function readTold(message: Buffer): Told | undefined {
  const end = message.indexOf(0x0a);
  const [number = '', id = ''] = message.toString('latin1', 0, Math.max(0, end)).split(' ');
  if (!/^\d+$/.test(number) || !/^\d+-\d+$/.test(id)) return undefined;
  return { number: Number(number), id, element: message.subarray(end + 1) };
}
