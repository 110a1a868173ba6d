import { InvalidOptionError } from '../errors/start-errors.js';
import { nearest } from './nearest.js';

/**
 * Checks the value of one option and returns it, or throws {@link InvalidOptionError}. `above` is the value that
 * applies if none is given; a rule for an object takes the missing parts from it.
 */
export type Rule<T> = (value: unknown, option: string, above?: T) => T;

export type Rules<T> = { readonly [K in keyof T]-?: Rule<Exclude<T[K], undefined>> };

/**
 * Resolves a user's options against rules and defaults. An unknown key fails with the most similar known one,
 * `undefined` never overrides a default, each value is checked, and the result is frozen. Errors name an option with
 * its path.
 * @throws InvalidOptionError
 */
export function resolveOptions<T extends object>(
  given: object,
  rules: Rules<T>,
  defaults: T,
  owner: string,
  path = '',
  /** The names that an error offers. Default: all that have a rule. */
  offered?: readonly string[],
): Readonly<T> {
  const resolved = { ...defaults } as Record<string, unknown>; // read and written by name until all are checked
  for (const [option, value] of Object.entries(given)) {
    if (!Object.hasOwn(rules, option))
      throw unknownOption(option, offered ?? Object.keys(rules), owner, path);
    if (value === undefined) continue;
    const above = resolved[option] as Exclude<T[keyof T], undefined> | undefined; // the default, which is of its type
    resolved[option] = rules[option as keyof T](value, path + option, above);
  }
  // Each key of T was either given and checked by its rule, or comes from the defaults.
  return Object.freeze(resolved) as Readonly<T>;
}

/** The same checks without making a new object, for options that are checked often. @throws InvalidOptionError */
export function assertOptions<T extends object>(given: T, rules: Rules<T>, owner: string): void {
  for (const option of Object.keys(given) as (keyof T & string)[]) {
    if (!Object.hasOwn(rules, option)) throw unknownOption(option, Object.keys(rules), owner, '');
    const value = given[option];
    if (value !== undefined) rules[option](value, option);
  }
}

export function wholeNumber(
  unit: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): Rule<number> {
  return (value, option) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most)
      return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `≥ ${least}` : `from ${least} to ${most}`;
    throw invalid(option, `a whole number of ${unit} ${range}`, value);
  };
}

/** The longest delay that Node's timers support. */
const LONGEST_MS = 2_147_483_647;

/** A time that a timer can hold; the message names the upper bound only to a user who exceeded it. */
export function milliseconds(least: number): Rule<number> {
  const anyLength = wholeNumber('milliseconds', least);
  const withinATimer = wholeNumber('milliseconds', least, LONGEST_MS);
  return (value, option) => withinATimer(anyLength(value, option), option);
}

export const flag: Rule<boolean> = (value, option) => {
  if (typeof value === 'boolean') return value;
  throw invalid(option, 'true or false', value);
};

export function text(what: string, isValid: (value: string) => boolean): Rule<string> {
  return (value, option) => {
    if (typeof value === 'string' && isValid(value)) return value;
    throw invalid(option, what, value);
  };
}

export function oneOf<const T extends string>(choices: readonly T[]): Rule<T> {
  return (value, option) => {
    const choice = choices.find((candidate) => candidate === value);
    if (choice !== undefined) return choice;
    throw invalid(option, choices.map((candidate) => `'${candidate}'`).join(' or '), value);
  };
}

/** An object with options of its own, some of them required. The others come from `above`, or from the defaults. */
export function nested<T extends object>(
  rules: Rules<T>,
  defaults: T,
  required: readonly (keyof T & string)[] = [],
): Rule<Readonly<T>> {
  return (value, option, above = defaults) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw invalid(option, `an object with ${Object.keys(rules).join(', ')}`, value);
    }
    // First the names that are there: one of them may be a required one, misspelt.
    const resolved = resolveOptions<T>(value, rules, above, option, `${option}.`);
    for (const key of required) {
      if (Reflect.get(value, key) === undefined) {
        throw invalid(option, `an object that has ${key}`, value);
      }
    }
    return resolved;
  };
}

/** Any object that has the method, or undefined. */
export function objectWith<T>(method: string): Rule<T> {
  return (value, option) => {
    if (
      typeof value === 'object' &&
      value !== null &&
      typeof Reflect.get(value, method) === 'function'
    ) {
      // What the method takes and returns cannot be checked from outside.
      return value as T;
    }
    throw invalid(option, `an object with a method ${method}()`, value);
  };
}

export function invalid(option: string, expected: string, value: unknown): InvalidOptionError {
  return new InvalidOptionError(option, `${option} must be ${expected}, got ${show(value)}`);
}

const MOST_SHOWN = 200;

function show(value: unknown): string {
  const text = textOf(value);
  if (text.length <= MOST_SHOWN) return text;
  return `${text.slice(0, MOST_SHOWN)}… (${text.length} characters)`;
}

function textOf(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'number') return String(value); // JSON would show NaN as null
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Not JSON (a BigInt, a circular structure): its text form is all that can be shown.
    return String(value);
  }
}

export function unknownOption(
  option: string,
  known: readonly string[],
  owner: string,
  path: string,
): InvalidOptionError {
  const meant = nearest(option, known);
  const hint =
    meant === undefined ? `its options are ${known.join(', ')}` : `did you mean ${meant}?`;
  return new InvalidOptionError(path + option, `${owner} has no option ${option}; ${hint}`);
}
