import { parseArgs } from 'node:util';
import { nearest } from '../../core/options/nearest.js';
import type { Command, Options } from './command.js';
import { GivenOptions } from '../words/given-options.js';
import { GLOBAL_OPTIONS } from './shared-options.js';
import { UsageError } from '../words/usage-error.js';

const ANYWHERE: Options = GLOBAL_OPTIONS;

/** What a command line asks for. */
export type Parsed =
  | { readonly kind: 'help'; readonly command: Command | undefined; readonly group?: string }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'command';
      readonly command: Command;
      readonly args: readonly string[];
      readonly given: GivenOptions;
    };

/** @throws UsageError */
export function parse(words: readonly string[], commands: readonly Command[]): Parsed {
  const { command, rest, group } = commandOf(words, commands);
  if (command === undefined) {
    if (words.includes('--version')) return { kind: 'version' };
    return { kind: 'help', command: undefined, ...(group === undefined ? {} : { group }) };
  }
  if (rest.includes('--help') || rest.includes('-h')) return { kind: 'help', command };
  const { values, positionals } = optionsOf(rest, command);
  checkCount(positionals, command);
  return { kind: 'command', command, args: positionals, given: new GivenOptions(values) };
}

interface Found {
  readonly command: Command | undefined;
  readonly group?: string;
  readonly rest: readonly string[];
}

/** The command comes first; only options of the program may stand before it. */
function commandOf(words: readonly string[], commands: readonly Command[]): Found {
  const at = firstWord(words);
  const [first = '', second = ''] = at === undefined ? [] : words.slice(at, at + 2);
  if (at === undefined || first === 'help') return helpOf(words, at, commands);
  const rest = (count: number): string[] => words.toSpliced(at, count);
  const two = commands.find(({ name }) => name === `${first} ${second}`);
  if (two !== undefined) return { command: two, rest: rest(2) };
  const one = commands.find(({ name }) => name === first);
  if (one !== undefined) return { command: one, rest: rest(1) };
  const within = commands.filter(({ name }) => name.startsWith(`${first} `));
  if (within.length === 0) throw unknownCommand(first, commands);
  if (second === '' || second.startsWith('-')) {
    if (words.includes('--help') || words.includes('-h'))
      return { command: undefined, group: first, rest: [] };
    const names = within.map(({ name }) => name).join(', ');
    throw new UsageError(`"${first}" needs one more word: ${names}.`);
  }
  throw unknownCommand(`${first} ${second}`, within);
}

function helpOf(
  words: readonly string[],
  at: number | undefined,
  commands: readonly Command[],
): Found {
  const asked = at === undefined ? [] : words.slice(at + 1).filter((word) => !word.startsWith('-'));
  if (asked.length === 0) {
    checkOnlyKnown(words);
    return { command: undefined, rest: [] };
  }
  const found = commandOf(asked.length > 1 ? asked.slice(0, 2) : [...asked, '--help'], commands);
  return { ...found, rest: ['--help'] };
}

/** A line without a command has options of the program alone. */
function checkOnlyKnown(words: readonly string[]): void {
  const odd = words.find((word) => word.startsWith('-') && !/^(--help|-h|--version)$/.test(word));
  if (odd === undefined) return;
  const name = odd.replace(/^-+|=.*$/g, '');
  if (name in GLOBAL_OPTIONS)
    throw new UsageError(`Name a command: --${name} alone is not one.`, 'See redis-queue --help.');
  throw unknownOption(odd, GLOBAL_OPTIONS, undefined);
}

/** Where the first word stands that is neither an option nor the value of one. */
function firstWord(words: readonly string[]): number | undefined {
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (!word.startsWith('-')) return at;
    const name = word.slice(2);
    const option = Object.hasOwn(ANYWHERE, name) ? ANYWHERE[name] : undefined;
    if (option?.value !== undefined) at += 1;
  }
  return undefined;
}

function unknownCommand(given: string, commands: readonly Command[]): UsageError {
  const names = commands.flatMap(({ name }) => [name, ...name.split(' ', 1)]);
  const near = nearest(given, names);
  return new UsageError(
    `There is no command "${given}".`,
    near === undefined
      ? 'See redis-queue --help for all commands.'
      : `Did you mean "${near}"? See redis-queue --help for all commands.`,
  );
}

interface Read {
  readonly values: Readonly<Record<string, unknown>>;
  readonly positionals: readonly string[];
}

function optionsOf(words: readonly string[], command: Command): Read {
  const known: Options = { ...GLOBAL_OPTIONS, ...command.options };
  const config = Object.fromEntries(
    Object.entries(known).map(([name, { value, short, isList }]) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        multiple: isList === true,
        ...(short === undefined ? {} : { short }),
      },
    ]),
  );
  // Errors in the words are reported here, with words that help.
  const { tokens } = parseArgs({
    args: [...words],
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<string, unknown> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (option === undefined) throw unknownOption(token.rawName, known, command);
    if (option.value === undefined) {
      if (token.value !== undefined)
        throw new UsageError(`${token.rawName} takes no value, got "${token.value}".`);
      values[token.name] = true;
    } else if (token.value === undefined || isOption(token.value, token.inlineValue)) {
      throw new UsageError(
        `${token.rawName} needs a value: ${token.rawName} ${option.value}.`,
        token.value === undefined
          ? undefined
          : `Write ${token.rawName}=${token.value} if you mean it.`,
      );
    } else if (option.isList === true) {
      values[token.name] = [...((values[token.name] as string[] | undefined) ?? []), token.value]; // set here alone
    } else {
      if (token.name in values) throw new UsageError(`${token.rawName} was given twice.`);
      values[token.name] = token.value;
    }
  }
  return { values, positionals };
}

/** A value that looks like an option was probably forgotten. */
function isOption(value: string, isInline: boolean | undefined): boolean {
  return isInline !== true && value.startsWith('-') && value !== '-';
}

function unknownOption(given: string, known: Options, command: Command | undefined): UsageError {
  const near = nearest(given.replace(/^-+/, ''), Object.keys(known));
  const help = `redis-queue ${command === undefined ? '' : `${command.name} `}--help`;
  const of = command === undefined ? 'redis-queue' : `"${command.name}"`;
  return new UsageError(
    `${of} has no option ${given}.`,
    near === undefined ? `See ${help}.` : `Did you mean --${near}? See ${help}.`,
  );
}

function checkCount(given: readonly string[], { name, args }: Command): void {
  const isOpen = args.some(({ count }) => count === 'many' || count === 'any');
  const least = args.filter(({ count }) => count === undefined || count === 'many').length;
  const missing = args[given.length];
  const help = `See redis-queue ${name} --help.`;
  if (given.length < least && missing !== undefined)
    throw new UsageError(`"${name}" needs ${missing.name}: ${missing.about}.`, help);
  if (given.length > args.length && !isOpen)
    throw new UsageError(
      `"${name}" takes ${args.length === 0 ? 'no arguments' : `only ${args.map((arg) => arg.name).join(' ')}`}, got "${given[args.length]}" too.`,
      `Put text with spaces into quotes. ${help}`,
    );
  const empty = given.indexOf('');
  if (empty >= 0)
    throw new UsageError(`${args[Math.min(empty, args.length - 1)]?.name} is empty.`, help);
}
