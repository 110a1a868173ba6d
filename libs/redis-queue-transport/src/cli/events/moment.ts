import { durationOf } from '../words/duration.js';
import { UsageError } from '../words/usage-error.js';

/** An entry of a history, or a time: written out, or as how long ago it was. @throws UsageError */
export function momentOf(option: string, text: string | undefined): Date | string | undefined {
  if (text === undefined || /^\d+-\d+$/.test(text)) return text;
  const agoMs = durationOf(text);
  if (agoMs !== undefined) return new Date(Date.now() - agoMs);
  const date = /^\d{4}-/.test(text) ? new Date(text) : new Date(NaN);
  if (!Number.isNaN(date.getTime())) return date;
  throw new UsageError(
    `--${option} must be an entry (1795258979755-0), a time (2026-11-28T10:00:00Z) or how long ago (2h), got "${text}".`,
  );
}
