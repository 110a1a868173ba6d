import { exchange } from '../../libs/redis-queue-transport/src/redis/exchange/exchange.script.js';
import type { Match } from '../support/proxy.js';

/** The commands of the library, as a proxy sees them. */
export const isBlmove: Match = ([name]) => name === 'blmove';

/** A message without terms of its own: a plain command, or the script while the queue may have a bound. */
export const isPush: Match = (words, connection) =>
  words[0] === 'rpush' || isHold(words, connection);

/** Messages with terms of their own: a delay, or a window for their id. */
export const isHold: Match = (words) =>
  isScript(words) &&
  hasKey(words, /:waiting$/) &&
  hasKey(words, /:roles$/) &&
  !hasKey(words, /:(processing|consumers)/);

/** The script that settles and takes: the only one that gets the key of the counts and the list of a consumer. */
export const isExchange: Match = (words) =>
  isScript(words) && hasKey(words, /:counts$/) && hasKey(words, /:processing:/);

/** An exchange that asks for messages. */
export const isTake: Match = (words, connection) =>
  isExchange(words, connection) && Number(exchangeArgument(words, 'take')) > 0;

/** An exchange that settles something, even if it also asks for messages. */
export const isSettling: Match = (words, connection) => {
  if (!isExchange(words, connection)) return false;
  const hasMore = argumentsOf(words).length > exchange.args.length;
  return Number(exchangeArgument(words, 'oldestDone')) > 0 || hasMore;
};

/** The script that gives stray deliveries back. */
export const isGivingBack: Match = (words) =>
  isScript(words) &&
  hasKey(words, /:processing:/) &&
  hasKey(words, /:waiting$/) &&
  !hasKey(words, /:(counts|fenced)$/);

/** The command that writes a parked body. */
export const isBodyRead: Match = ([name, key]) =>
  name === 'hget' && key?.endsWith('}:parked') === true;

/** The command that reads a part of a history, for a group that is filled from it. */
export const isFilling: Match = (words) =>
  isScript(words) && hasKey(words, /}:history$/) && hasKey(words, /}:cursor$/);

/** The commands for events, live or durable. */
export const isEmit: Match = (words) =>
  isScript(words) && hasKey(words, /:groups$/) && !hasKey(words, /:(queues|cursor)$/);

/** The script that renews a lease: the only one that looks for fenced consumers and touches no list of theirs. */
export const isRenewal: Match = (words) =>
  isScript(words) && hasKey(words, /:fenced$/) && !hasKey(words, /:processing:/);

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

/** The named arguments of the script, followed by acks and rows. */
function argumentsOf(words: readonly string[]): readonly string[] {
  return words.slice(3 + Number(words[2]));
}

function exchangeArgument(
  words: readonly string[],
  name: (typeof exchange.args)[number],
): string | undefined {
  return argumentsOf(words)[exchange.args.indexOf(name)];
}
