import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/** A unique name that tells people where the process is: host, process id, and 48 random bits. */
export function processName(): string {
  const host = hostname().replace(/[^\w.-]/g, '');
  return `${host}-${process.pid}-${randomBytes(6).toString('base64url')}`;
}
