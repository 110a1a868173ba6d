import { invalid, text } from '../../core/options/options.js';
import type { Rule } from '../../core/options/options.js';

/** Names and values are text. */
export const headersRule: Rule<Readonly<Record<string, string>>> = (headers, option) => {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    throw invalid(option, 'an object of texts', headers);
  for (const [name, value] of Object.entries(headers))
    if (typeof value !== 'string') throw invalid(`${option}.${name}`, 'text', value);
  return headers as Readonly<Record<string, string>>; // each was looked at
};

const nameRule = text('the name of a header', (name) => name !== '');

/** Names of headers. */
export const namesRule: Rule<readonly string[]> = (value, option) => {
  if (!Array.isArray(value)) throw invalid(option, 'an array of names of headers', value);
  return value.map((name: unknown, index) => nameRule(name, `${option}[${index}]`));
};
