import { flag, wholeNumber } from '../options/options.js';

/** How much of each message is read. */
export interface Reading {
  /**
   * Whether large bodies are read: those that are parked, and those above 64 KiB once they are decompressed. If false,
   * the `data` of these messages is undefined and their `isDataUnread` true, and a list needs little memory however
   * large they are. Default true.
   */
  readonly withLarge?: boolean | undefined;
}

export interface Page {
  /** The most to return, 1 or more. Default 100. */
  readonly limit?: number | undefined;
}

export interface OffsetPage extends Page, Reading {
  /** How many to skip. Default 0. */
  readonly offset?: number | undefined;
}

/** How many messages are on a page by default, and how many are read at a time when all are read. */
export const PAGE = 100;

const limitRule = wholeNumber('messages', 1);
const offsetRule = wholeNumber('messages', 0);

/** @throws InvalidOptionError */
export function pageOf({ offset = 0, limit = PAGE, ...reading }: OffsetPage): {
  readonly offset: number;
  readonly limit: number;
  readonly withLarge: boolean;
} {
  return {
    offset: offsetRule(offset, 'offset'),
    limit: limitRule(limit, 'limit'),
    withLarge: withLargeOf(reading),
  };
}

/** @throws InvalidOptionError */
export function withLargeOf({ withLarge = true }: Reading): boolean {
  return flag(withLarge, 'withLarge');
}
