import { readText, type Environment } from './environment.js';

/**
 * all: serves HTTP, and handles messages and durable events.
 * web: serves HTTP, and leaves messages and durable events to other replicas.
 */
export type Role = 'all' | 'web';

const roles: readonly string[] = ['all', 'web'] satisfies Role[];

/** `ROLE`, by default `all`. Read before there is an app: it decides what the app consists of. */
export function readRole(environment: Environment): Role {
  const role = readText(environment, 'ROLE', 'all');
  if (!roles.includes(role)) throw new Error(`ROLE must be all or web, got "${role}"`);
  // One of them, as was just checked.
  return role as Role;
}
