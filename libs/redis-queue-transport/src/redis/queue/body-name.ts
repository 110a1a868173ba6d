import { randomBytes } from 'node:crypto';

const BYTES = 12;

/** A name for a parked body. It cannot be guessed: a sender must not be able to name the bodies of others. */
export function newBodyName(): string {
  return randomBytes(BYTES).toString('base64url');
}
