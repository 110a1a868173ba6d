import { invalid, text } from '../../core/options/options.js';
import type { Rule } from '../../core/options/options.js';

/** Header names with string values. */
export const headersRule: Rule<Readonly<Record<string, string>>> = (headers, option) => {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    throw invalid(option, 'an object with text values', headers);
  for (const [name, value] of Object.entries(headers))
    if (typeof value !== 'string') throw invalid(`${option}.${name}`, 'text', value);
  return headers as Readonly<Record<string, string>>; // each value was checked
};

const nameRule = text('the name of a header', (name) => name !== '');

/** Names of headers. */
export const namesRule: Rule<readonly string[]> = (value, option) => {
  if (!Array.isArray(value)) throw invalid(option, 'an array of names of headers', value);
  return value.map((name: unknown, index) => nameRule(name, `${option}[${index}]`));
};
