import { NotSettledError } from './not-settled-error.js';
import type { Journal } from '../journal/journal.js';
import type { Survey } from './survey.js';

export interface SettledOptions {
  /** How long, in ms, it may take. Default 5000. */
  readonly withinMs?: number | undefined;
  /** Makes delayed messages and retries due once nothing else is left to wait for. Default false: it waits for them. */
  readonly advance?: boolean | undefined;
}

/** How often, in ms, it looks again. */
const LOOK_EVERY_MS = 5;

/** Resolves when nothing is left to do. @throws NotSettledError after the time */
export async function settled(
  survey: Survey,
  journal: Journal,
  { withinMs = 5_000, advance = false }: SettledOptions = {},
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await isQuiet(survey, journal))) {
    if (performance.now() >= deadline) {
      throw new NotSettledError(withinMs, await survey.openWork(), String(journal.story));
    }
    if (advance && !survey.isAtWork) await survey.advance();
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/**
 * A message can move from a queue that is looked at late to one that was looked at early: what was seen counts only if
 * nothing has happened meanwhile.
 */
async function isQuiet(survey: Survey, journal: Journal): Promise<boolean> {
  if (survey.isAtWork) return false;
  const before = journal.activity;
  if ((await survey.unfinished()).size > 0) return false;
  return !survey.isAtWork && journal.activity === before;
}
