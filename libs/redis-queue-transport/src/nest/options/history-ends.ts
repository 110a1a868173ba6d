import { EARLIEST } from '../../core/events/history-start.js';
import { invalid } from '../../core/options/options.js';
import type { Rule } from '../../core/options/options.js';

const ENTRY = /^\d+(-\d+)?$/;

/** The first or last entry of a part of a history, in the form that Redis expects. */
export const historyEndRule: Rule<string> = (value, option) => {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return String(value.getTime());
  if (typeof value === 'string' && ENTRY.test(value)) return value;
  throw invalid(option, 'a Date or a historyId', value);
};

/** The same for where a new group starts; undefined for `new`, which takes nothing from the history. */
export const historyStartRule: Rule<string | undefined> = (value, option) => {
  if (value === 'new') return undefined;
  if (value === 'earliest') return EARLIEST;
  if (value instanceof Date || (typeof value === 'string' && ENTRY.test(value)))
    return historyEndRule(value, option);
  throw invalid(option, "'new', 'earliest', a Date or a historyId", value);
};
