import type { Match } from '../support/proxy.js';

/** The commands of the library, as a proxy sees them. */
export const isBlmove: Match = ([name]) => name === 'blmove';

export const isPush: Match = ([name]) => name === 'rpush';

/** The script that settles and takes: the only one that is given the key of the counts and the list of a consumer. */
export const isExchange: Match = (words) =>
  isScript(words) && hasKey(words, /:counts$/) && hasKey(words, /:processing:/);

/** An exchange that asks for messages. */
export const isTake: Match = (words, connection) =>
  isExchange(words, connection) && takeOf(words) > 0;

/** An exchange that only settles. */
export const isSettle: Match = (words, connection) =>
  isExchange(words, connection) && takeOf(words) === 0;

export const isWaitConnection = (connection: string): boolean => connection.startsWith('rq-wait-');
export const isCommandConnection = (connection: string): boolean =>
  connection.startsWith('rq-commands-');

function isScript([name]: readonly string[]): boolean {
  return name === 'EVALSHA' || name === 'EVAL';
}

function hasKey(words: readonly string[], key: RegExp): boolean {
  return keysOf(words).some((word) => key.test(word));
}

/** EVALSHA sha count key … argument … */
function keysOf(words: readonly string[]): readonly string[] {
  return words.slice(3, 3 + Number(words[2]));
}

/** The second argument, after the consumer's name. */
function takeOf(words: readonly string[]): number {
  return Number(words[3 + Number(words[2]) + 1]);
}
