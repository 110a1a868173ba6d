import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { RedisOptions } from 'ioredis';
import { findFreePort } from 'local-redis';
import { RedisRefusedError, RedisUnavailableError } from 'nestjs-redis-queue-transport';
import { selfSignedCertificate } from '../support/certificate.js';
import type { Certificate } from '../support/certificate.js';
import { eventually } from '../support/eventually.js';
import type { RedisRig } from '../support/redis-rig.js';

/** The first pause is 50 ms. */
const GROWN_PAUSE_MS = 300;

/** Something that makes Redis refuse what it is asked. */
export interface Refusal {
  readonly connection: RedisOptions;
  /** The error with which calls reject, and its fields. */
  readonly error: typeof RedisRefusedError | typeof RedisUnavailableError;
  readonly fields: object;
  /** Its cause, and what consumers log. */
  readonly cause: RegExp;
  /** How many loops try again independently of each other. */
  readonly loops: number;
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
  /** How often Redis has been tried in vain so far. */
  tries(): Promise<number>;
}

/** What makes the Redis of a rig refuse, by what it then does. */
export function refusalsOf(rig: RedisRig): Readonly<Record<string, () => Promise<Refusal>>> {
  return {
    'answers WRONGTYPE': () => {
      const waiting = `${rig.prefix}:{work}:waiting`;
      return answer(rig, 'WRONGTYPE', {
        begin: () => rig.commands.multi().rename(waiting, 'aside').set(waiting, 'text').exec(),
        end: () => rig.commands.rename('aside', waiting),
      });
    },
    'answers NOPERM': () =>
      answer(rig, 'NOPERM', {
        begin: () => setUser(rig, '-evalsha', '-eval', '-blmove', '-rpush'),
        end: () => setUser(rig, '+@all'),
      }),
    'answers READONLY': () =>
      answer(rig, 'READONLY', {
        // A replica of a primary that does not exist.
        begin: () => rig.commands.replicaof('127.0.0.1', '1'),
        end: () => rig.commands.replicaof('NO', 'ONE'),
      }),
    'answers WRONGPASS': () =>
      answer(rig, 'WRONGPASS', {
        loops: 4, // The connections of the client, and those of the consumer for commands, events and the wait.
        begin: async () => {
          await setUser(rig, 'resetpass', '>other');
          await killConnections(rig);
        },
        end: () => setUser(rig, '>secret'),
      }),
    'shows a certificate that is not trusted': () => certificate(rig),
  };
}

/** Waits until those who try again leave Redis alone for a while. Returns how often it was tried since. */
export async function triesUntilPausesHaveGrown(
  refusal: Refusal,
  triesBefore: number,
): Promise<number> {
  const readings: { readonly atMs: number; readonly tries: number }[] = [];
  return eventually(async () => {
    const now = { atMs: performance.now(), tries: (await refusal.tries()) - triesBefore };
    readings.push(now);
    expect(now.tries).toBeGreaterThan(2 * refusal.loops);
    const before = readings.findLast(({ atMs }) => atMs < now.atMs - GROWN_PAUSE_MS);
    expect(now.tries - (before?.tries ?? 0)).toBeLessThan(refusal.loops);
    return now.tries;
  });
}

/** How many commands Redis was given, except for those with which the test watches it. */
export async function commandsGiven(rig: RedisRig): Promise<number> {
  const stats = await rig.commands.info('commandstats');
  return [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+).*rejected_calls=(\d+)/gm)]
    .filter(([, command]) => command !== 'info')
    .reduce((sum, [, , calls, rejected]) => sum + Number(calls) + Number(rejected), 0);
}

function setUser(rig: RedisRig, ...rules: string[]): Promise<unknown> {
  return rig.commands.call('ACL', 'SETUSER', 'service', ...rules);
}

async function killConnections(rig: RedisRig): Promise<void> {
  for (const type of ['normal', 'pubsub'])
    await rig.commands.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
}

/** Redis answers the user of services with an error. */
async function answer(
  rig: RedisRig,
  reply: string,
  rest: Pick<Refusal, 'begin' | 'end'> & Partial<Refusal>,
): Promise<Refusal> {
  await setUser(rig, 'on', 'resetpass', '>secret', '~*', '&*', '+@all');
  const { port } = rig.redis;
  return {
    connection: { host: '127.0.0.1', port, username: 'service', password: 'secret' },
    error: RedisRefusedError,
    fields: { code: 'REDIS_REFUSED', reply },
    cause: new RegExp(reply),
    loops: 1,
    tries: async () => {
      const stats = await rig.commands.info('errorstats');
      return Number(new RegExp(`errorstat_${reply}:count=(\\d+)`).exec(stats)?.[1] ?? 0);
    },
    ...rest,
  };
}

/** Redis's own counts do not include the cost of a failed handshake, so something counts in front of it. */
async function certificate(rig: RedisRig): Promise<Refusal> {
  const port = await findFreePort();
  const trusted = selfSignedCertificate();
  const directory = await mkdtemp(join(tmpdir(), 'refusals-'));
  rig.closeLater({ close: () => rm(directory, { recursive: true }) });
  const show = async (name: string, { key, certificate }: Certificate): Promise<void> => {
    const file = join(directory, name);
    await writeFile(file, key + certificate);
    await rig.commands.call(
      ...['CONFIG', 'SET', 'tls-cert-file', file, 'tls-key-file', file],
      ...['tls-auth-clients', 'no', 'tls-port', String(port)],
    );
  };
  await show('trusted', trusted);
  const door = rig.closeLater(await Door.open(port));
  return {
    connection: { host: '127.0.0.1', port: door.port, tls: { ca: trusted.certificate } },
    error: RedisUnavailableError,
    fields: { code: 'REDIS_UNAVAILABLE' },
    cause: /certificate/,
    loops: 4,
    begin: async () => {
      await show('other', selfSignedCertificate());
      await killConnections(rig);
    },
    end: () => show('trusted', trusted),
    tries: async () => door.entered,
  };
}

/** Counts the connections that come through it. */
class Door {
  entered = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => {
    this.entered += 1;
    const redis = connect(this.targetPort, '127.0.0.1');
    this.#join(client, redis);
    this.#join(redis, client);
  });

  private constructor(private readonly targetPort: number) {}

  static async open(targetPort: number): Promise<Door> {
    const door = new Door(targetPort);
    await new Promise<void>((resolve) => door.#server.listen(0, '127.0.0.1', resolve));
    return door;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // as a TCP server's address is
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.pipe(to);
    from.on('error', () => undefined); // 'close' follows
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
