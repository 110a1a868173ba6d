import type { QueueLimit } from './limit.js';

/** The terms of a queue about each of its keys, by the names of the options. */
export const PER_KEY = {
  /** How many messages of a key may be out at once, if that is more than one. */
  running: 'perKey.running',
  /** How many of them may go out in `perMs`. Any text that is no number stands for any number. */
  rate: 'perKey.rate',
  perMs: 'perKey.perMs',
} as const;

/** More is no limit. */
const MOST = 1e15;

/** What all consumers together may do with each key. */
export type KeyLimit = QueueLimit & { readonly running: number };

/** The terms that say this. */
export function perKeyTerms({
  running = 1,
  rate,
  perMs = 1_000,
}: Partial<QueueLimit> = {}): Readonly<Record<(typeof PER_KEY)[keyof typeof PER_KEY], string>> {
  return {
    [PER_KEY.running]: String(running),
    [PER_KEY.rate]: String(rate ?? 'none'),
    [PER_KEY.perMs]: rate === undefined ? 'none' : String(perMs),
  };
}

/** The reverse. Scripts have the same rule (redis/lua/lanes-lua.ts). */
export function perKeyIn(terms: ReadonlyMap<string, string>): KeyLimit {
  const most = Number(terms.get(PER_KEY.running) ?? 1);
  const running = most >= 1 ? most : 1;
  const rate = Number(terms.get(PER_KEY.rate) ?? NaN);
  const perMs = Number(terms.get(PER_KEY.perMs) ?? NaN);
  const isPaced = rate >= 1 && perMs >= 1 && rate < MOST && perMs < MOST;
  return isPaced ? { running, rate, perMs } : { running, rate: undefined, perMs: 1_000 };
}
