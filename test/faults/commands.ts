import { exchange } from '../../libs/redis-queue-transport/src/redis/exchange/exchange.script.js';
import { readUnkeyed } from '../../libs/redis-queue-transport/src/redis/unkeyed/read-unkeyed.script.js';
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

/** The script that settles and takes: the only one for the list of a consumer that counts and knows no fenced ones. */
export const isExchange: Match = (words) =>
  isScript(words) &&
  hasKey(words, /:counts$/) &&
  hasKey(words, /:processing:/) &&
  !hasKey(words, /:fenced$/);

/** An exchange that asks for messages. */
export const isTake: Match = (words, connection) =>
  isExchange(words, connection) && Number(exchangeArguments(words).values['take']) > 0;

/** An exchange that asks for the next message that ran when a process died. */
export const isNextSuspect: Match = (words, connection) =>
  isExchange(words, connection) && exchangeArguments(words).values['trial'] === 'next';

/** An exchange that settles something, even if it also asks for messages. */
export const isSettling: Match = (words, connection) => {
  if (!isExchange(words, connection)) return false;
  const { values, others } = exchangeArguments(words);
  return Number(values['oldestDone']) > 0 || others.length > 0;
};

/** One that says how many of the oldest it settles. */
export const isCounting: Match = (words, connection) =>
  isExchange(words, connection) && Number(exchangeArguments(words).values['oldestDone']) > 0;

/** One that sends a message back for another attempt: what it says of that is the pause until then. */
export const isRetry: Match = (words, connection) =>
  isExchange(words, connection) && kindsOf(words).some((kind) => /^[+-]?\d+$/.test(kind));

export const isDeadLetter: Match = (words, connection) =>
  isExchange(words, connection) && kindsOf(words).includes('deadLetter');

/** One that gives back messages that were not handled. */
export const isRelease: Match = (words, connection) =>
  isExchange(words, connection) && kindsOf(words).includes('release');

/** The script that gives stray deliveries back. */
export const isGivingBack: Match = (words) =>
  isScript(words) &&
  hasKey(words, /:processing:/) &&
  hasKey(words, /:waiting$/) &&
  !hasKey(words, /:(counts|fenced|rate)$/);

/** The script that lets events go on whose keys were read, and gets the next ones. */
export const isReadingKeys: Match = (words) =>
  isScript(words) &&
  hasKey(words, /:unkeyed$/) &&
  hasKey(words, /:consumers$/) &&
  hasKey(words, /:roles$/) &&
  !hasKey(words, /:(counts|processing)/);

/** One that tells keys, each in a row behind its arguments. */
export const isTellingKeys: Match = (words, connection) =>
  isReadingKeys(words, connection) && readUnkeyed.named.read(argumentsOf(words)).others.length > 0;

/** The script that decides whether what a wait brought may start, where the queue has a limit. */
export const isAdmission: Match = (words) =>
  isScript(words) &&
  hasKey(words, /:processing:/) &&
  hasKey(words, /:rate$/) &&
  !hasKey(words, /:counts$/);

/** The scripts that end a consumer: those that take back what it held, or that it calls itself. */
export const isEndOfConsumer: Match = (words) =>
  isScript(words) &&
  hasKey(words, /:processing:/) &&
  hasKey(words, /:fenced$/) &&
  !hasKey(words, /:dead$/);

/** The command that writes a parked body. */
export const isBodyRead: Match = ([name, key]) =>
  name === 'hget' && key?.endsWith(':parked') === true;

/** The command that reads a part of a history, for a group that is filled from it. */
export const isFilling: Match = (words) =>
  isScript(words) && hasKey(words, /}:history$/) && hasKey(words, /}[^:]*:cursor$/);

/** The commands for events, live or durable. */
export const isEmit: Match = (words) =>
  isScript(words) && hasKey(words, /:\{wildcards\}$/) && hasKey(words, /:groups$/);

/** The script that renews leases: the only one that looks for fenced consumers and for old dead letters. */
export const isRenewal: Match = (words) =>
  isScript(words) && hasKey(words, /:fenced$/) && hasKey(words, /:dead$/);

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

/** The named arguments of an exchange, and the keys, acks and rows behind them. */
function exchangeArguments(words: readonly string[]): ReturnType<typeof exchange.named.read> {
  return exchange.named.read(argumentsOf(words));
}

/** What an exchange does with each message that it names: the rows behind keys and acks have a kind, an element and a detail. */
function kindsOf(words: readonly string[]): readonly string[] {
  const { values, others } = exchangeArguments(words);
  const rows = others.slice(Number(values['keys']) + Number(values['acks']));
  return rows.filter((_, at) => at % 3 === 0);
}

function argumentsOf(words: readonly string[]): readonly string[] {
  return words.slice(3 + Number(words[2]));
}
