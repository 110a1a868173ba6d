import { types } from 'node:util';
import { UnencodableError } from '../errors/data-errors.js';

/**
 * Refuses data that JSON would silently lose, at any depth: a Promise that was not awaited, a Map, NaN, a function.
 * `text` is the JSON of the data. A class instance may have functions, as its methods are not data.
 * @throws UnencodableError that says what it is, where, and what to send instead
 */
export function assertWritten(data: unknown, text: string): void {
  if (typeof data !== 'object' || data === null) {
    if (typeof data === 'number' && text === 'null')
      throw unwritable('the data', String(data), ADVICE.number);
    return;
  }
  if (!isKept(data)) refuseWithin(data, 'the data', 'data');
}

/**
 * Whether JSON keeps all of it. This runs for every message, so it does not track paths, and takes about a tenth of the
 * time of writing the JSON. If something is lost, {@link refuseWithin} finds where.
 */
function isKept(value: unknown): boolean {
  if (typeof value === 'number') return value - value === 0; // neither NaN nor Infinity
  if (typeof value !== 'object') return typeof value !== 'function' && typeof value !== 'symbol';
  if (value === null) return true;
  if (Array.isArray(value)) {
    for (const one of value) if (!isKept(one)) return false;
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return isUnusualKept(value);
  for (const key in value) if (!isKept((value as Record<string, unknown>)[key])) return false;
  return true;
}

function isUnusualKept(value: object): boolean {
  if (types.isDate(value)) return !Number.isNaN(value.getTime());
  if ('toJSON' in value) return true;
  if (lostKind(value) !== undefined) return false;
  return Object.values(value).every((one: unknown) => typeof one === 'function' || isKept(one));
}

/** The kinds that JSON loses, and what to send. */
const ADVICE = {
  number: 'JSON writes null for it. Send a finite number, or null.',
  method: 'JSON leaves it out. Call it, or leave it out yourself.',
  promise: 'Await it first.',
  map: 'Send Object.fromEntries(map), or an array of its entries.',
  set: 'Send an array: [...set].',
  weak: 'Its entries cannot be read. Send plain data.',
  error: 'Send the parts that the other side needs: { name, message }.',
  regExp: 'Send its source as text.',
  stream: 'Send its content, or a reference to it.',
  values: 'Send an array of its values.',
  date: 'Send a valid Date.',
} as const;

/** Skips objects that define `toJSON()`. There are no circular references, since the JSON text exists. */
function refuseWithin(value: object, where: string, path: string): void {
  if ('toJSON' in value && !types.isDate(value)) return;
  const [what, advice] = lostKind(value) ?? [];
  if (what !== undefined && advice !== undefined) throw unwritable(where, what, advice);
  const isArray = Array.isArray(value);
  const mayHaveMethods = !isArray && Object.getPrototypeOf(value) !== Object.prototype;
  for (const [key, one] of Object.entries(value) as [string, unknown][]) {
    const within = isArray ? `${path}[${key}]` : `${path}.${key}`;
    if (typeof one === 'object' && one !== null) refuseWithin(one, within, within);
    else if (typeof one === 'number' && !Number.isFinite(one))
      throw unwritable(within, String(one), ADVICE.number);
    else if ((typeof one === 'function' || typeof one === 'symbol') && !mayHaveMethods)
      throw unwritable(within, `a ${typeof one}`, ADVICE.method);
  }
}

function lostKind(value: object): readonly [string, string] | undefined {
  if (types.isPromise(value) || has(value, 'then')) return ['a Promise', ADVICE.promise];
  if (types.isMap(value)) return ['a Map', ADVICE.map];
  if (types.isSet(value)) return ['a Set', ADVICE.set];
  if (types.isWeakMap(value) || types.isWeakSet(value))
    return ['a WeakMap or WeakSet', ADVICE.weak];
  if (types.isNativeError(value)) return ['an Error', ADVICE.error];
  if (types.isRegExp(value)) return ['a RegExp', ADVICE.regExp];
  if (types.isDate(value))
    return Number.isNaN(value.getTime()) ? ['an invalid Date', ADVICE.date] : undefined;
  if (has(value, 'pipe') || has(value, 'getReader')) return ['a stream', ADVICE.stream];
  if (has(value, 'next') && (Symbol.iterator in value || Symbol.asyncIterator in value))
    return ['an iterator', ADVICE.values];
  if (Symbol.asyncIterator in value) return ['an async iterable', ADVICE.values];
  return undefined;
}

function has(value: object, method: string): boolean {
  return typeof Reflect.get(value, method) === 'function';
}

function unwritable(where: string, what: string, advice: string): UnencodableError {
  const verb = where === 'the data' ? 'are' : 'is';
  return new UnencodableError(`Cannot write the data as JSON: ${where} ${verb} ${what}. ${advice}`);
}
