import { readFileSync } from 'node:fs';
import { resolve, dirname } from 'node:path';
import type { ConnectionOption } from '../../index.js';
import type { Given } from '../words/given.js';
import { UsageError } from '../words/usage-error.js';
import { nearest } from '../../core/options/nearest.js';

/** Where Redis is, and the prefix of the keys. */
export interface ConnectionSettings {
  /** Undefined for the library's default. */
  readonly connection: ConnectionOption | undefined;
  readonly prefix: string;
  /** What must never be shown. */
  readonly secrets: readonly string[];
}

/** Read if it exists and nothing else says where Redis is. */
export const CONFIG_FILE = 'redis-queue.json';
export const DEFAULT_PREFIX = 'rq';

const MEMBERS = ['url', 'connection', 'tls', 'prefix'];
const TLS_MEMBERS = ['caFile', 'certFile', 'keyFile', 'servername'];

type Members = Readonly<Record<string, unknown>>;

/** `--url`, then the file that `--config` names, then REDIS_URL, then the file redis-queue.json. @throws UsageError */
export function connectionSettings(
  given: Given,
  environment: NodeJS.ProcessEnv,
  directory: string,
): ConnectionSettings {
  const url = given.text('url');
  const named = given.text('config');
  const variable = environment['REDIS_URL'];
  const isFromFile = named !== undefined || (url === undefined && (variable ?? '') === '');
  const file = isFromFile ? readConfig(resolve(directory, named ?? CONFIG_FILE), named) : {};
  const connection = url ?? connectionOf(file) ?? (variable === '' ? undefined : variable);
  const prefix = given.text('prefix') ?? textOf(file, 'prefix') ?? DEFAULT_PREFIX;
  return { connection, prefix, secrets: secretsOf(connection) };
}

interface Config {
  readonly url?: unknown;
  readonly connection?: unknown;
  readonly tls?: unknown;
  readonly prefix?: unknown;
  readonly file?: string;
}

function readConfig(file: string, named: string | undefined): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (named === undefined && isMissing(error)) return {};
    throw new UsageError(`Cannot read the config file ${file}: ${codeOf(error)}.`);
  }
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    // Node's message shows a part of the file, which may be a password.
    throw new UsageError(`The config file ${file} is not JSON.`, EXAMPLE);
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new UsageError(`The config file ${file} must be a JSON object.`, EXAMPLE);
  checkMembers(config as Members, MEMBERS, file); // an object, as was just checked
  return { ...config, file };
}

const EXAMPLE = 'For example: { "url": "rediss://redis.internal:6380", "prefix": "shop" }';

function checkMembers(given: Members, known: readonly string[], file: string): void {
  const odd = Object.keys(given).find((name) => !known.includes(name));
  if (odd === undefined) return;
  const near = nearest(odd, known);
  throw new UsageError(
    `The config file ${file} has an unknown member "${odd}".`,
    near === undefined ? `It may have ${known.join(', ')}.` : `Did you mean "${near}"?`,
  );
}

function connectionOf(config: Config): ConnectionOption | undefined {
  const url = textOf(config, 'url');
  const { connection, tls } = config;
  if (url !== undefined && connection !== undefined)
    throw new UsageError(`The config file ${config.file} has both url and connection: give one.`);
  if (connection !== undefined && (typeof connection !== 'object' || connection === null))
    throw new UsageError(
      `The config file ${config.file} needs an object of ioredis options as connection.`,
      'Put an address into url.',
    );
  if (tls === undefined) return url ?? connection ?? undefined;
  return {
    ...(url === undefined ? connection : optionsOf(url)),
    tls: tlsOf(tls, config.file ?? ''),
  };
}

/** The parts of a URL as ioredis options, so that they can stand beside those of TLS. */
function optionsOf(url: string): object {
  if (!URL.canParse(url)) throw new UsageError('The url in the config file is not a URL.');
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    // The brackets of an IPv6 address belong to the URL.
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(port === '' ? {} : { port: Number(port) }),
    ...(username === '' ? {} : { username: credential(username) }),
    ...(password === '' ? {} : { password: credential(password) }),
    ...(pathname.length > 1 ? { db: Number(pathname.slice(1)) } : {}),
  };
}

function credential(written: string): string {
  try {
    return decodeURIComponent(written);
  } catch {
    throw new UsageError(
      'User and password of the url in the config file cannot be decoded.',
      'Write a percent sign as %25.',
    );
  }
}

function tlsOf(tls: unknown, file: string): object {
  if (typeof tls !== 'object' || tls === null)
    throw new UsageError(`The config file ${file} needs an object as tls.`);
  const given = tls as Members; // an object, as was just checked
  checkMembers(given, TLS_MEMBERS, file);
  const read = (member: string): Buffer | undefined => {
    const path = textOf(given, member);
    if (path === undefined) return undefined;
    const found = resolve(dirname(file), path);
    try {
      return readFileSync(found);
    } catch (error) {
      throw new UsageError(`Cannot read ${found} (tls.${member}): ${codeOf(error)}.`);
    }
  };
  const files = { ca: read('caFile'), cert: read('certFile'), key: read('keyFile') };
  const servername = textOf(given, 'servername');
  return Object.fromEntries(
    Object.entries({ ...files, servername }).filter(([, value]) => value !== undefined),
  );
}

function textOf(config: object, member: string): string | undefined {
  const value: unknown = Reflect.get(config, member);
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '') return value;
  throw new UsageError(`The member "${member}" of the config file must be text.`);
}

/** Passwords, both as given and decoded. */
function secretsOf(connection: ConnectionOption | undefined): readonly string[] {
  if (typeof connection === 'object') {
    const { password, sentinelPassword, nodes } = connection as Members; // whatever it has under these names
    const own = [password, sentinelPassword].filter((text) => typeof text === 'string');
    const urls = Array.isArray(nodes) ? nodes.filter((node) => typeof node === 'string') : [];
    return [...own, ...urls.flatMap((url) => secretsOf(url))];
  }
  const [, written] = /^[a-z]*:?\/*[^:@/]*:(.*)@/i.exec(connection ?? '') ?? [];
  if (written === undefined) return [];
  return [written, decoded(written)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not an escape
  }
}

function codeOf(error: unknown): string {
  return String(Reflect.get(Object(error), 'code') ?? 'it failed');
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}
