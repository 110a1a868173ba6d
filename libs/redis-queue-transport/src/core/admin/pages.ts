import { flag, wholeNumber } from '../options/options.js';

/** What is read of messages. */
export interface Reading {
  /**
   * Whether bodies are read that are parked since they are large. If false, the `data` of these messages is undefined,
   * and a list costs little however large they are. Default true.
   */
  readonly withParked?: boolean | undefined;
}

export interface Page {
  /** At most this many, from 1. Default 100. */
  readonly limit?: number | undefined;
}

export interface OffsetPage extends Page, Reading {
  /** How many come before it. Default 0. */
  readonly offset?: number | undefined;
}

/** So many messages are on a page, and are read at once where all are. */
export const PAGE = 100;

const limitRule = wholeNumber('messages', 1);
const offsetRule = wholeNumber('messages', 0);

/** @throws InvalidOptionError */
export function pageOf({ offset = 0, limit = PAGE, ...reading }: OffsetPage): {
  readonly offset: number;
  readonly limit: number;
  readonly withParked: boolean;
} {
  return {
    offset: offsetRule(offset, 'offset'),
    limit: limitRule(limit, 'limit'),
    withParked: withParkedOf(reading),
  };
}

/** @throws InvalidOptionError */
export function withParkedOf({ withParked = true }: Reading): boolean {
  return flag(withParked, 'withParked');
}
