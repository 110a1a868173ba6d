import { randomBytes } from 'node:crypto';

const BYTES = 12;

/** For a body that is parked. Nobody can guess it: who may add messages must not name the bodies of others. */
export function newBodyName(): string {
  return randomBytes(BYTES).toString('base64url');
}
