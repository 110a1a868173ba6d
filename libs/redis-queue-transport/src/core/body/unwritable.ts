import { types } from 'node:util';
import { UnencodableError } from '../errors/errors.js';

/**
 * Refuses data that JSON would silently lose: a Promise that was not awaited, a Map, NaN. `text` is the JSON of the data.
 * The data itself is always checked. Nested values are checked only where the text has `{}`, which is what such values
 * become: checking every value would take longer than writing it. So a nested NaN or function passes.
 * @throws UnencodableError that says what it is, where, and what to send instead
 */
export function assertWritten(data: unknown, text: string): void {
  if (typeof data !== 'object' || data === null) {
    if (typeof data === 'number' && text === 'null')
      throw unwritable('the data', String(data), ADVICE.number);
    return;
  }
  refuse(data, 'the data');
  // `includes` takes twice as long, for every message.
  if (text.indexOf('{}') > 0) lookInside(data, 'data');
}

/** The kinds that JSON loses, and what to send. */
const ADVICE = {
  number: 'JSON writes null for it. Send a finite number, or null.',
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

function refuse(value: object, where: string): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  const isUsual = prototype === Object.prototype || prototype === Array.prototype;
  // Nearly every message ends here.
  if (!isUsual || typeof (value as { then?: unknown }).then === 'function')
    refuseUnusual(value, where);
}

function refuseUnusual(value: object, where: string): void {
  // It defines its own JSON.
  if ('toJSON' in value && !types.isDate(value)) return;
  const [what, advice] = lostKind(value) ?? [];
  if (what !== undefined && advice !== undefined) throw unwritable(where, what, advice);
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

/** The JSON text exists, so there is no circle. */
function lookInside(value: object, path: string): void {
  for (const [key, one] of Object.entries(value) as [string, unknown][]) {
    if (typeof one !== 'object' || one === null) continue;
    const where = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
    if ('toJSON' in one && !types.isDate(one)) continue;
    refuse(one, where);
    lookInside(one, where);
  }
}

function has(value: object, method: string): boolean {
  return typeof Reflect.get(value, method) === 'function';
}

function unwritable(where: string, what: string, advice: string): UnencodableError {
  const verb = where === 'the data' ? 'are' : 'is';
  return new UnencodableError(`Cannot write the data as JSON: ${where} ${verb} ${what}. ${advice}`);
}
