import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { RedisOptions } from 'ioredis';
import { findFreePort } from 'local-redis';
import {
  RedisQueueRecordBuilder,
  RedisRefusedError,
  RedisUnavailableError,
} from 'nestjs-redis-queue-transport';
import { firstValueFrom } from 'rxjs';
import { selfSignedCertificate } from '../support/certificate.js';
import type { Certificate } from '../support/certificate.js';
import type { ConsumerProcess } from '../support/consumer-process.js';
import { eventually } from '../support/eventually.js';
import { redisRig } from '../support/redis-rig.js';
import { FaultStage, SLACK_MS } from './fault-stage.js';
import { Stopwatch } from '../support/stopwatch.js';

const rig = redisRig();

/** The longest pause between two tries to connect, and then between two tries to take. */
const LONGEST_PAUSES_MS = 1_000 + 1_000;
/** So long that no renewals are among the counted tries, and nobody takes anything over. */
const LONG_LEASE_MS = 30_000;
const CONCURRENCY = 4;
/** The first pause is 50 ms. */
const GROWN_PAUSE_MS = 300;
/** Pauses double, so they reach the maximum after five or six tries. A hot loop would make thousands. */
const MOST_TRIES_EACH = 8;
/** How many commands a try may take: a new connection and its introduction, and a script and what it calls. */
const MOST_COMMANDS_PER_TRY = 25;

/** Something that makes Redis refuse what it is asked. */
interface Refusal {
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

const refusals: Readonly<Record<string, () => Promise<Refusal>>> = {
  'answers WRONGTYPE': () => {
    const waiting = `${rig.prefix}:{work}:waiting`;
    return answer('WRONGTYPE', {
      begin: () => rig.commands.multi().rename(waiting, 'aside').set(waiting, 'text').exec(),
      end: () => rig.commands.rename('aside', waiting),
    });
  },
  'answers NOPERM': () =>
    answer('NOPERM', {
      begin: () => setUser('-evalsha', '-eval', '-blmove', '-rpush'),
      end: () => setUser('+@all'),
    }),
  'answers READONLY': () =>
    answer('READONLY', {
      // A replica of a primary that does not exist.
      begin: () => rig.commands.replicaof('127.0.0.1', '1'),
      end: () => rig.commands.replicaof('NO', 'ONE'),
    }),
  'answers WRONGPASS': () =>
    answer('WRONGPASS', {
      loops: 4, // The connections of the client, and those of the consumer for commands, events and the wait.
      begin: async () => {
        await setUser('resetpass', '>other');
        await killConnections();
      },
      end: () => setUser('>secret'),
    }),
  'shows a certificate that is not trusted': certificate,
};

test.each(Object.entries(refusals))(
  'while Redis %s, calls fail with that and consumers pause for longer and longer, and nothing is lost',
  async (_title, prepare) => {
    const refusal = await prepare();
    const { connection, error, fields, cause } = refusal;
    const stage = await FaultStage.open(rig, connection);
    const options = { concurrency: CONCURRENCY, leaseMs: LONG_LEASE_MS };
    const consumer = await stage.startConsumer(options, connection);
    const running = Array.from({ length: CONCURRENCY }, (_, index) => `running${index}`);
    await stage.send(...running.map((id) => ({ id, holds: true })));
    await eventually(() => expect(consumer.journal).toHaveLength(CONCURRENCY));
    await stage.send(...['waiting1', 'waiting2', 'waiting3'].map((id) => ({ id })));
    const delayed = new RedisQueueRecordBuilder({ id: 'delayed' }).delay(500).build();
    await stage.ledger.send('delayed', () => firstValueFrom(stage.client.enqueue('work', delayed)));

    const triesBefore = await refusal.tries();
    const commandsBefore = await commandsGiven();
    let calls = 0;
    await refusal.begin();
    try {
      // Running handlers end, and cannot be settled.
      consumer.letGo();
      const tries = await triesUntilPausesHaveGrown(refusal, triesBefore);
      expect(tries).toBeLessThan(MOST_TRIES_EACH * refusal.loops);
      const commands = (await commandsGiven()) - commandsBefore;
      expect(commands).toBeLessThan(tries * MOST_COMMANDS_PER_TRY);
      await eventually(async () => {
        // A call that is under way when a connection is killed ends differently.
        await stage.send({ id: `meanwhile${(calls += 1)}` });
        const failure = stage.ledger.failures.at(-1);
        expect(failure).toBeInstanceOf(error);
        expect(failure).toMatchObject({
          ...fields,
          cause: { message: expect.stringMatching(cause) },
        });
      });
      await eventually(() => expect(consumer.output).toMatch(cause));
    } finally {
      await refusal.end();
    }
    const watch = Stopwatch.start();
    await eventually(async () => {
      const [result] = await stage.send({ id: `after${(calls += 1)}` });
      expect(result).toBe('confirmed');
    });
    await stage.untilAllHome();
    watch.expectAtMost(LONGEST_PAUSES_MS + SLACK_MS);
    const account = await stage.balance(0);
    expect(account.dead).toEqual([]);
  },
);

test('while Redis answers READONLY for longer than every lease, nothing is lost, and what was running is not run by all', async () => {
  const refusal = await refusals['answers READONLY']!();
  const stage = await FaultStage.open(rig, refusal.connection);
  const start = (): Promise<ConsumerProcess> =>
    stage.startConsumer({ concurrency: CONCURRENCY }, refusal.connection);
  const consumers = await Promise.all([start(), start()]);
  const inFlight = consumers.length * CONCURRENCY;
  const ids = Array.from({ length: 2 * inFlight }, (_, index) => `m${index}`);
  await stage.send(...ids.map((id) => ({ id, holds: true })));
  await eventually(() => expect(stage.ledger.idsOf('start')).toHaveLength(inFlight));

  await refusal.begin();
  try {
    await eventually(async () => {
      const [seconds] = await rig.commands.time();
      const ended = await rig.commands.zcount(
        `${rig.prefix}:{work}:consumers`,
        '-inf',
        Number(seconds) * 1_000,
      );
      expect(ended).toBe(consumers.length);
    });
    for (const consumer of consumers) consumer.letGo();
    await eventually(() => expect(stage.ledger.idsOf('end')).toHaveLength(inFlight));
  } finally {
    await refusal.end();
  }
  await stage.untilAllHome();
  const account = await stage.balance(inFlight);
  expect(account).toMatchObject({ handled: ids.length, dead: [] });
});

/** Waits until those who try again leave Redis alone for a while. Returns how often it was tried since. */
async function triesUntilPausesHaveGrown(refusal: Refusal, triesBefore: number): Promise<number> {
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
async function commandsGiven(): Promise<number> {
  const stats = await rig.commands.info('commandstats');
  return [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+).*rejected_calls=(\d+)/gm)]
    .filter(([, command]) => command !== 'info')
    .reduce((sum, [, , calls, rejected]) => sum + Number(calls) + Number(rejected), 0);
}

function setUser(...rules: string[]): Promise<unknown> {
  return rig.commands.call('ACL', 'SETUSER', 'service', ...rules);
}

async function killConnections(): Promise<void> {
  for (const type of ['normal', 'pubsub'])
    await rig.commands.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
}

/** Redis answers the user of services with an error. */
async function answer(
  reply: string,
  rest: Pick<Refusal, 'begin' | 'end'> & Partial<Refusal>,
): Promise<Refusal> {
  await setUser('on', 'resetpass', '>secret', '~*', '&*', '+@all');
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
async function certificate(): Promise<Refusal> {
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
      await killConnections();
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
