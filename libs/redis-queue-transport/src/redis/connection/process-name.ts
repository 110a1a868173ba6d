import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/** A name that no other holder has and that tells people where it is: host, process id, and 48 random bits. */
export function processName(): string {
  const host = hostname().replace(/[^\w.-]/g, '');
  return `${host}-${process.pid}-${randomBytes(6).toString('base64url')}`;
}
