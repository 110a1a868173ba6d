import { nearest } from '../../core/options/nearest.js';
import { invalid } from '../../core/options/options.js';
import type { Rule } from '../../core/options/options.js';
import { OBSERVED_EVENTS } from '../../core/lifecycle/observers.js';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';

/** Each observer needs a method for at least one event. Without any, it would never be called, so that is a mistake. */
export const observersRule: Rule<readonly RedisQueueObserver[]> = (value, option) => {
  if (!Array.isArray(value)) throw invalid(option, 'a list of observers', value);
  const observers: readonly unknown[] = value;
  observers.forEach((observer, index) => assertObserver(observer, `${option}[${index}]`));
  return Object.freeze([...observers]) as readonly RedisQueueObserver[]; // each was checked
};

function assertObserver(observer: unknown, option: string): void {
  if (typeof observer !== 'object' || observer === null)
    throw invalid(option, 'an object with methods of a RedisQueueObserver', observer);
  const heard = OBSERVED_EVENTS.filter((event) => Reflect.get(observer, event) !== undefined);
  const odd = heard.find((event) => typeof Reflect.get(observer, event) !== 'function');
  if (odd !== undefined)
    throw invalid(`${option}.${odd}`, 'a function', Reflect.get(observer, odd));
  if (heard.length > 0) return;
  const meant = Object.keys(observer).map((key) => nearest(key, OBSERVED_EVENTS));
  const hint = meant.find((event) => event !== undefined);
  const what = `an object with a method for at least one of ${OBSERVED_EVENTS.join(', ')}`;
  throw invalid(option, hint === undefined ? what : `${what}; did you mean ${hint}?`, observer);
}
