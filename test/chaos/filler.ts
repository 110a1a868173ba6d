import { createHash } from 'node:crypto';
import type { Work } from './settings.js';

const LONGEST = 6_000;
const LARGE = 0.15;
const COMPRESSIBLE = 0.1;
/** So large that it takes a while on a slow link. */
export const HUGE_BYTES = 524_288;
const HUGE = 0.0005;

/** Makes some messages large, and some of these compressible. */
export function fillerOf(random: () => number): Pick<Work, 'filler' | 'digest'> {
  const dice = random();
  if (dice >= LARGE + COMPRESSIBLE) return {};
  const length = dice < HUGE ? HUGE_BYTES : Math.ceil(random() * LONGEST);
  const filler = dice < LARGE ? noise(length, random) : 'ö\n'.repeat(length);
  return { filler, digest: digestOf(filler) };
}

/** Whether the filler arrived as it was sent. */
export function isWhole({ filler, digest }: Work): boolean {
  return filler === undefined ? digest === undefined : digestOf(filler) === digest;
}

export function noise(length: number, random: () => number): string {
  let text = '';
  while (text.length < length) text += random().toString(36).slice(2);
  return text.slice(0, length);
}

function digestOf(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
