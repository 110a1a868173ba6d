import { COUNTS, KEY_FIELD, KEY_WINDOW } from './key.js';
import { ID_BYTE, LETTER_I } from './header.js';

/** The priority of messages that do not say one. */
export const USUAL_PRIORITY = 4;

/** Higher ones are handed out first. */
export const HIGHEST_PRIORITY = 9;

/**
 * While messages of several priorities wait, every tenth one is taken from the lower ones, in turn: so none of them waits
 * for ever.
 */
export const LOWER_EVERY = 10;

const FRONT = new RegExp(`${COUNTS}(?:${KEY_FIELD})?,"priority":(\\d)[,}]`);

/** The longest beginning of an element that tells its priority. */
export const PRIORITY_WINDOW = KEY_WINDOW + '"priority":9,'.length;

/** Whether a sender may give it. */
export function isPriority(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= HIGHEST_PRIORITY;
}

/**
 * The priority of an element. It stands right behind the counts and the key; anywhere else the name means nothing. Scripts
 * have the same rule (redis/lua/levels-lua.ts): the two must agree on every element, also on those of other programs.
 */
export function priorityOf(element: string | Buffer): number {
  // This byte alone tells most elements.
  const isText = typeof element === 'string';
  if ((isText ? element.charCodeAt(ID_BYTE) : element[ID_BYTE]) === LETTER_I) return USUAL_PRIORITY;
  const beginning = isText
    ? element.slice(0, PRIORITY_WINDOW)
    : element.toString('latin1', 0, PRIORITY_WINDOW);
  const digit = FRONT.exec(beginning)?.[4];
  return digit === undefined || !element.includes('\n') ? USUAL_PRIORITY : Number(digit);
}
