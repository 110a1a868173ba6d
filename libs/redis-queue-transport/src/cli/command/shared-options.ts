import type { Options } from './command.js';

/** Every command has these. */
export const GLOBAL_OPTIONS = {
  url: {
    value: 'URL',
    about: 'Redis, as redis://user:password@host:6379/0 (rediss:// for TLS); better in REDIS_URL',
  },
  config: { value: 'FILE', about: 'a JSON file that says where Redis is' },
  prefix: { value: 'TEXT', about: 'first part of every key; the default is rq' },
  json: { about: 'print JSON, one document on a line' },
  help: { short: 'h', about: 'show this help' },
} as const satisfies Options;

export const LIMIT = { value: 'N', about: 'list at most this many; the default is 100' };

export const LARGE = {
  about: 'read large data too: above 64 KiB, or parked; each may need much memory',
};

export const YES = { short: 'y', about: 'do it without asking' };
