import type { Codec } from '../../core/body/codec.js';
import { InvalidOptionError } from '../../core/errors/start-errors.js';
import {
  assertOptions,
  flag,
  invalid,
  milliseconds,
  resolveOptions,
  text,
  wholeNumber,
} from '../../core/options/options.js';
import type { Rule, Rules } from '../../core/options/options.js';
import { MOST_KEY_BYTES, isKey } from '../../core/message/key.js';
import { HIGHEST_PRIORITY, isPriority } from '../../core/message/priority.js';
import { codecRule } from '../options/codec-options.js';
import { headersRule } from '../options/header-options.js';

/** The settings of one message, in a record or as the third argument of the client's verbs. */
export interface RedisQueueRecordOptions {
  /** The message's id. Default: one that the client makes. */
  readonly id?: string | undefined;
  /**
   * Messages with the same key are handled one after the other, in the order in which Redis got them, by all processes
   * together. At most 255 bytes when percent-encoded.
   */
  readonly key?: string | undefined;
  /**
   * From 0 to 9, higher first. Default: 4. While messages of higher priorities wait, every tenth one that is handed out
   * comes from the lower ones in turn. Among messages of one key the order stays that of Redis.
   */
  readonly priority?: number | undefined;
  /** Headers, which the handler finds in its context. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The message is not handed out before this many ms have passed. */
  readonly delayMs?: number | undefined;
  /** The message is not handed out before this time of Redis's clock. */
  readonly deliverAt?: Date | undefined;
  /** If no handler has started the message, or its retry, this many ms after it was sent, it is dropped and counted. */
  readonly expiresInMs?: number | undefined;
  /** For this many ms, another message with the same id, from any process, is not added. Needs an `id`. */
  readonly deduplicateMs?: number | undefined;
  /**
   * If the queue is full (`maxLength`), the call waits for room for up to this many ms before it fails with
   * `QueueFullError`. For an event: if the list of a group is.
   */
  readonly waitForRoomMs?: number | undefined;
  /** Writes the data, instead of the client's codec. Replies to a `send` use it too. */
  readonly codec?: Codec | undefined;
  /** `emit` fails with `NobodyListensError` if neither a group nor a live listener got the event. */
  readonly isMandatory?: boolean | undefined;
  /**
   * How long, in ms, this request waits for its first reply and then for each next one. Overrides `requestTimeoutMs`.
   */
  readonly timeoutMs?: number | undefined;
  /** How long, in ms, this request waits for its last reply. Overrides `requestTotalTimeoutMs`. */
  readonly totalTimeoutMs?: number | undefined;
}

export type SettingName = keyof RedisQueueRecordOptions;
export type Verb = 'enqueue' | 'emit' | 'send';

/** One setting: its rule, its method of the record builder, and the verbs that accept it. */
interface Setting<T> {
  readonly rule: Rule<T>;
  readonly method: string;
  readonly verbs: readonly Verb[];
}

type Settings = {
  readonly [Name in SettingName]-?: Setting<Exclude<RedisQueueRecordOptions[Name], undefined>>;
};

const dateRule: Rule<Date> = (date, option) => {
  if (date instanceof Date && !Number.isNaN(date.getTime())) return date;
  throw invalid(option, 'a valid Date', date);
};

const keyRule = text(
  `text that is not empty, of at most ${MOST_KEY_BYTES} bytes when percent-encoded`,
  isKey,
);

const priorityRule: Rule<number> = (value, option) => {
  if (typeof value === 'number' && isPriority(value)) return value;
  throw invalid(option, `a whole number from 0 to ${HIGHEST_PRIORITY}`, value);
};

/** Every setting. docs/options.md shows the same ones. */
export const SETTINGS = {
  id: {
    rule: text('text that is not empty', (id) => id !== ''),
    method: 'id',
    verbs: ['enqueue', 'emit', 'send'],
  },
  key: { rule: keyRule, method: 'key', verbs: ['enqueue', 'emit', 'send'] },
  priority: { rule: priorityRule, method: 'priority', verbs: ['enqueue', 'emit', 'send'] },
  headers: { rule: headersRule, method: 'headers', verbs: ['enqueue', 'emit', 'send'] },
  delayMs: { rule: wholeNumber('milliseconds', 0), method: 'delay', verbs: ['enqueue'] },
  deliverAt: { rule: dateRule, method: 'deliverAt', verbs: ['enqueue'] },
  isMandatory: { rule: flag, method: 'mandatory', verbs: ['emit'] },
  expiresInMs: {
    rule: wholeNumber('milliseconds', 1),
    method: 'expiresIn',
    verbs: ['enqueue', 'emit', 'send'],
  },
  deduplicateMs: {
    rule: wholeNumber('milliseconds', 1),
    method: 'deduplicate',
    verbs: ['enqueue', 'emit'],
  },
  waitForRoomMs: {
    rule: milliseconds(1),
    method: 'waitForRoom',
    verbs: ['enqueue', 'emit', 'send'],
  },
  codec: { rule: codecRule, method: 'codec', verbs: ['enqueue', 'emit', 'send'] },
  timeoutMs: { rule: milliseconds(1), method: 'timeout', verbs: ['send'] },
  totalTimeoutMs: { rule: milliseconds(1), method: 'totalTimeout', verbs: ['send'] },
} as const satisfies Settings;

const NAMES = Object.keys(SETTINGS) as readonly SettingName[]; // of the literal above

// The table's type makes each rule match its setting, but TypeScript cannot see that in an object made from entries.
const RULES = Object.fromEntries(
  NAMES.map((name) => [name, SETTINGS[name].rule]),
) as unknown as Rules<RedisQueueRecordOptions>;

/** The settings that a verb accepts. */
type SettingsOf<V extends Verb> = Pick<
  RedisQueueRecordOptions,
  {
    [Name in SettingName]: V extends (typeof SETTINGS)[Name]['verbs'][number] ? Name : never;
  }[SettingName]
>;

/** Options of `client.enqueue(pattern, data, options)`. */
export type RedisQueueEnqueueOptions = SettingsOf<'enqueue'>;
/** Options of `client.emit(pattern, data, options)`. */
export type RedisQueueEmitOptions = SettingsOf<'emit'>;
/** Options of `client.send(pattern, data, options)`. */
export type RedisQueueSendOptions = SettingsOf<'send'>;

/** How settings were given, for error messages: by methods of the builder, or by name. */
type Words = 'methods' | 'names';

export const NO_SETTINGS: RedisQueueRecordOptions = {};

/** Checks one setting and returns its value. @throws InvalidOptionError */
export function checked<Name extends SettingName>(
  name: Name,
  value: unknown,
  option: string = name,
): Exclude<RedisQueueRecordOptions[Name], undefined> {
  // TypeScript sees the rules of all names; this is the rule of this name.
  const rule = RULES[name] as unknown as Rule<Exclude<RedisQueueRecordOptions[Name], undefined>>;
  return rule(value, option);
}

/** Checks the settings of a record. @throws InvalidOptionError */
export function assertSettings(given: RedisQueueRecordOptions, owner: string): void {
  assertOptions(given, RULES, owner);
  assertConsistent(given, 'methods');
}

/** Checks the third argument of a verb; undefined if nothing is given. @throws InvalidOptionError */
export function settingsGiven(given: unknown, verb: Verb): RedisQueueRecordOptions | undefined {
  return settingsFor(given, verb, `${verb}()`, ACCEPTED[verb]);
}

/** The same for settings that apply to several messages. @throws InvalidOptionError */
export function settingsOfAll(
  given: unknown,
  verb: Exclude<Verb, 'send'>,
): RedisQueueRecordOptions | undefined {
  const owner = `${verb}Many()`;
  const offered = ACCEPTED[verb].filter((name) => name !== 'id');
  const settings = settingsFor(given, verb, owner, offered);
  if (settings?.id === undefined) return settings;
  throw new InvalidOptionError(
    'id',
    `${owner} cannot give all messages the same id ${JSON.stringify(settings.id)}: make each message that needs an id a record`,
  );
}

function settingsFor(
  given: unknown,
  verb: Verb,
  owner: string,
  /** The names that an error offers. */
  offered: readonly SettingName[],
): RedisQueueRecordOptions | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalid('options', `an object with message settings that ${owner} accepts`, given);
  const settings = resolveOptions(given, RULES, NO_SETTINGS, owner, '', offered);
  refuse(settings, verb, 'names');
  return settings;
}

/**
 * Combines settings: those of the argument override those of the record, and both override default headers; headers are
 * combined one by one. Settings of the record that the verb does not accept are refused, not silently dropped.
 * @throws InvalidOptionError
 */
export function settingsOf(
  verb: Verb,
  record: RedisQueueRecordOptions = NO_SETTINGS,
  given: RedisQueueRecordOptions | undefined,
  headers: Readonly<Record<string, string>> | undefined,
): RedisQueueRecordOptions {
  refuse(record, verb, 'methods');
  const settings = given === undefined ? record : combined(record, given);
  if (headers === undefined) return settings;
  return { ...settings, headers: { ...headers, ...settings.headers } };
}

/** @throws InvalidOptionError */
function combined(
  record: RedisQueueRecordOptions,
  given: RedisQueueRecordOptions,
): RedisQueueRecordOptions {
  const headers =
    record.headers === undefined || given.headers === undefined
      ? (given.headers ?? record.headers)
      : { ...record.headers, ...given.headers };
  const both = { ...record, ...given, headers };
  assertConsistent(both, 'names');
  return both;
}

/** @throws InvalidOptionError */
function assertConsistent(
  { id, delayMs, deliverAt, deduplicateMs }: RedisQueueRecordOptions,
  words: Words,
): void {
  const isByName = words === 'names';
  if (deduplicateMs !== undefined && id === undefined) {
    const option = isByName ? 'deduplicateMs' : 'deduplicate';
    throw new InvalidOptionError(
      option,
      `${option} needs an id, by which Redis recognises equal messages: add ${isByName ? 'id' : 'id()'}`,
    );
  }
  if (delayMs !== undefined && deliverAt !== undefined) {
    const option = isByName ? 'delayMs' : 'delay';
    throw new InvalidOptionError(
      option,
      `${option} and deliverAt exclude each other: give one of them`,
    );
  }
}

const ACCEPTED: Readonly<Record<Verb, readonly SettingName[]>> = {
  enqueue: acceptedBy('enqueue'),
  emit: acceptedBy('emit'),
  send: acceptedBy('send'),
};

function acceptedBy(verb: Verb): readonly SettingName[] {
  return NAMES.filter((name) => (SETTINGS[name].verbs as readonly Verb[]).includes(verb));
}

const REFUSED: Readonly<Record<Verb, Readonly<Record<string, true>>>> = {
  enqueue: refusedBy('enqueue'),
  emit: refusedBy('emit'),
  send: refusedBy('send'),
};

function refusedBy(verb: Verb): Readonly<Record<string, true>> {
  const names = NAMES.filter((name) => !ACCEPTED[verb].includes(name));
  return Object.fromEntries(names.map((name) => [name, true]));
}

/** Only looks at the settings that are given, since this runs for each record. */
function refuse(options: RedisQueueRecordOptions, verb: Verb, words: Words): void {
  const refused = REFUSED[verb];
  for (const name in options)
    if (refused[name] === true) refuseOne(name as SettingName, options, verb, words); // of the table
}

function refuseOne(
  name: SettingName,
  options: RedisQueueRecordOptions,
  verb: Verb,
  words: Words,
): void {
  if (options[name] === undefined) return;
  const { method, verbs } = SETTINGS[name];
  const option = words === 'names' ? name : method;
  const keepers = verbs.map((keeper) => `${keeper}()`).join(' and ');
  throw new InvalidOptionError(
    option,
    `${verb}() does not support ${option}: use it with ${keepers}`,
  );
}
