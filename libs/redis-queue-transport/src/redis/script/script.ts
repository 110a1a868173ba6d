import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { failureOf, isReplyError, wasRefusedMidway } from '../connection/failure.js';
import type { Connection, SentScripts } from '../connection/connection.js';
import { NamedArguments, localsOf } from './named-arguments.js';
import { RowLua } from './rows.js';
import type { RowOf, ScriptArgument } from './rows.js';
import { textsOf } from './shared-lua.js';
import type { SharedLua } from './shared-lua.js';
import { permissionCheck } from './script-permissions.js';

/** Elements above this are large: more than senders of this library leave in a list, and the most that scripts may copy often. */
export const LARGE_BYTES = 262_144;

/** What only a few calls need in addition. */
export interface Further {
  /** Keys that follow the named ones in `KEYS`. */
  readonly keys?: readonly string[];
  /** Single values in front of the rows; an argument tells the script how many. */
  readonly values?: readonly ScriptArgument[];
}

const NOTHING: Further = {};

interface Definition<Key extends string, Arg extends string, Reply, Row extends readonly string[]> {
  /** What it is for, as in "Redis refused to …". */
  readonly action: string;
  /** Names of the keys; the Lua text has a local of each name. */
  readonly keys: readonly Key[];
  /** Names of the arguments, with a local each, too. The rows follow, from `ARGV[FIRST]` to `ARGV[#ARGV]`. */
  readonly args: readonly Arg[];
  /** Arguments that are sent only if they differ from these values, which most calls have. */
  readonly usual?: Readonly<Partial<Record<Arg, ScriptArgument>>>;
  /**
   * Names of the values of each row, in their order. Lua gets a local of each name ({@link RowLua}), TypeScript gives the
   * values by their names. Default: no rows.
   */
  readonly rows?: Row;
  /** Functions that the Lua text calls. */
  readonly shared?: readonly SharedLua[];
  /**
   * Or a function that gets the Lua that reads rows, and the text of functions that only some calls need: they are made
   * where that text is.
   */
  readonly lua: string | ((row: RowLua, functions: (...shared: SharedLua[]) => string) => string);
  /** It takes messages in, and is refused while Redis is full. Default false. */
  readonly growsData?: boolean;
  /** It changes nothing, and may run on a replica. Default false. */
  readonly readsOnly?: boolean;
  /**
   * The commands that it runs, if the Lua text also has others: a user needs no permission for those. Default: all in
   * the text.
   */
  readonly runs?: readonly string[];
  readonly read: (reply: unknown) => Reply;
}

/** Lua text and its name in Redis. */
class LuaText {
  readonly #sha: string;

  constructor(private readonly text: string) {
    this.#sha = createHash('sha1').update(text).digest('hex');
  }

  evaluate(client: Redis, parameters: readonly ScriptArgument[]): Promise<unknown> {
    return client.callBuffer('EVAL', this.text, ...parameters);
  }

  async evaluateKnown(client: Redis, parameters: readonly ScriptArgument[]): Promise<unknown> {
    try {
      return await client.callBuffer('EVALSHA', this.#sha, ...parameters);
    } catch (error) {
      // Redis no longer knows it (SCRIPT FLUSH). Nothing was executed, so sending it again is safe.
      if (isReplyError(error) && error.message.startsWith('NOSCRIPT'))
        return await this.evaluate(client, parameters);
      throw error;
    }
  }
}

/**
 * A Lua script with named keys and arguments and a typed reply. Scripts that do not add messages are flagged
 * `allow-oom`: a full Redis must still let consumers settle, which makes room.
 *
 * A missing permission must not stop it half-way. So on each connection the script first checks all of its permissions,
 * until it has found them once, and again after a refusal. If a permission is taken away later, calls in flight may
 * stop half-way; their outcome is then unknown.
 */
export class Script<
  Key extends string,
  Arg extends string,
  Reply,
  const Row extends readonly string[] = readonly [],
> {
  /** Its arguments without rows. */
  readonly named: NamedArguments<Arg>;
  readonly #plain: LuaText;
  /** The same text behind the check of permissions. */
  readonly #checked: LuaText;

  constructor(private readonly definition: Definition<Key, Arg, Reply, Row>) {
    const {
      keys,
      args,
      usual,
      rows = [],
      shared = [],
      lua,
      growsData = false,
      readsOnly = false,
      runs,
    } = definition;
    this.named = new NamedArguments(args, usual);
    const named = [...keys, ...args];
    const functions = (...needed: SharedLua[]): string => textsOf(needed, named).join('\n');
    const own = typeof lua === 'string' ? lua : lua(new RowLua(rows), functions);
    const head = [flagsOf(growsData, readsOnly), localsOf('KEYS', keys), this.named.lua];
    const body = [functions(...shared), own.trim()].join('\n');
    this.#plain = new LuaText([...head, body].join('\n'));
    this.#checked = new LuaText([...head, permissionCheck(body, named, runs), body].join('\n'));
  }

  /** What it is for, as in "Redis refused to …". */
  get action(): string {
    return this.definition.action;
  }

  /** @throws RedisUnavailableError | OutcomeUnknownError | RedisRefusedError */
  async run(
    connection: Connection,
    keys: Readonly<Record<Key, string>>,
    args: Readonly<Record<Arg, ScriptArgument>>,
    rows: readonly RowOf<Row>[] = [],
    further = NOTHING,
  ): Promise<Reply> {
    const { action } = this.definition;
    const parameters = this.#parameters(keys, args, rows, further);
    const way = parameters[0] === 0 ? connection : connection.at(String(parameters[1]));
    const reply = await way.run(action, async (client, scripts) => {
      try {
        return await this.#evaluate(client, scripts, parameters);
      } catch (error) {
        if (wasRefusedMidway(error)) scripts.clear();
        throw failureOf(error, action);
      }
    });
    return this.definition.read(reply);
  }

  /** Whether a check, since the connection was opened, has found that its user has all permissions. */
  isPermitted({ scripts }: Connection): boolean {
    const stage = scripts.get(this);
    return stage === 'permitted' || stage === 'known';
  }

  /**
   * Sends it as one of the commands of a transaction; {@link read} reads its reply. Its text goes with it, behind the
   * check of permissions: within a transaction there is no way to send it again.
   */
  send(
    client: Redis,
    keys: Readonly<Record<Key, string>>,
    args: Readonly<Record<Arg, ScriptArgument>>,
    rows: readonly RowOf<Row>[] = [],
    further = NOTHING,
  ): Promise<unknown> {
    return this.#checked.evaluate(client, this.#parameters(keys, args, rows, further));
  }

  read(reply: unknown): Reply {
    return this.definition.read(reply);
  }

  #parameters(
    keys: Readonly<Record<Key, string>>,
    args: Readonly<Record<Arg, ScriptArgument>>,
    rows: readonly RowOf<Row>[],
    { keys: moreKeys = [], values = [] }: Further,
  ): ScriptArgument[] {
    const { keys: keyNames, rows: valueNames } = this.definition;
    const parameters: ScriptArgument[] = [keyNames.length + moreKeys.length];
    for (const key of keyNames) parameters.push(keys[key]);
    for (const key of moreKeys) parameters.push(key);
    this.named.write(parameters, args);
    for (const value of values) parameters.push(value);
    if (valueNames?.length === 1) {
      for (const row of rows) parameters.push(row as ScriptArgument); // see RowOf
      return parameters;
    }
    if (valueNames === undefined) return parameters;
    for (const row of rows as readonly Readonly<Record<string, ScriptArgument>>[])
      for (const name of valueNames) parameters.push(row[name] ?? '');
    return parameters;
  }

  /** The full text is sent first: with an unknown name, later commands could overtake the script. */
  async #evaluate(
    client: Redis,
    scripts: SentScripts,
    parameters: readonly ScriptArgument[],
  ): Promise<unknown> {
    const stage = scripts.get(this);
    if (stage === 'known') return this.#plain.evaluateKnown(client, parameters);
    if (stage === 'permitted') {
      scripts.set(this, 'known');
      return this.#plain.evaluate(client, parameters);
    }
    if (stage === undefined) scripts.set(this, 'asking');
    try {
      const reply = await (stage === undefined
        ? this.#checked.evaluate(client, parameters)
        : this.#checked.evaluateKnown(client, parameters));
      if (scripts.get(this) === 'asking') scripts.set(this, 'permitted');
      return reply;
    } catch (error) {
      if (scripts.get(this) === 'asking') scripts.delete(this);
      throw error;
    }
  }
}

/** A row of a script. */
export type RowsOf<S> = S extends Script<string, string, unknown, infer Row> ? RowOf<Row> : never;

function flagsOf(growsData: boolean, readsOnly: boolean): string {
  if (readsOnly) return '#!lua flags=no-writes,allow-oom';
  return growsData ? '#!lua' : '#!lua flags=allow-oom';
}

export function readNumber(reply: unknown): number {
  if (typeof reply === 'number') return reply;
  throw new TypeError(`A script replied ${String(reply)} where a number was expected.`);
}

export function readArray(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw new TypeError(`A script replied ${String(reply)} where a list was expected.`);
}

export function readTexts(reply: unknown): readonly string[] {
  return readArray(reply).map((text) => readBuffer(text).toString());
}

export function readBuffer(reply: unknown): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  throw new TypeError(`A script replied ${String(reply)} where a string was expected.`);
}
