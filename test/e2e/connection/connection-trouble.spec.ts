import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { findFreePort, startRedis } from 'local-redis';
import type { LocalRedis, StartRedisOptions } from 'local-redis';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import type { ConnectionOption } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';
import { TestProcess } from '../../support/test-process.js';
import { TlsRedis } from '../../support/tls-redis.js';

const rig = nestRig();

const CONNECT_TIMEOUT_MS = 1_000;

@Controller()
class EchoController {
  @MessagePattern('echo')
  echo(data: unknown): unknown {
    return data;
  }

  @MessagePattern('echo.too')
  echoToo(data: unknown): unknown {
    return data;
  }

  @EventPattern<string>('happened')
  onHappened(): void {
    // Only there to be subscribed to.
  }
}

async function redis(settings: StartRedisOptions['settings']): Promise<LocalRedis> {
  const started = await startRedis({ settings });
  rig.closeLater({ close: () => started.stop() });
  return started;
}

/** The errors of a client, a server and an admin that cannot connect. */
async function complaints(connection: ConnectionOption): Promise<string[]> {
  const options = { connection, prefix: rig.prefix, connectTimeoutMs: CONNECT_TIMEOUT_MS };
  const admin = rig.closeLater(new RedisQueueAdmin(options));
  const app = await rig.microservice({ controllers: [EchoController] }, rig.strategy(options));
  const calls = [
    lastValueFrom(rig.client(options).enqueue('echo', 1)),
    app.listen(),
    admin.lengths('echo'),
  ];
  return Promise.all(
    calls.map((call) => call.then(String, (error: unknown) => (error as Error).message)),
  );
}

async function expectComplaints(connection: ConnectionOption, expected: RegExp): Promise<void> {
  for (const complaint of await complaints(connection)) expect(complaint).toMatch(expected);
}

describe('a connection that cannot be opened says why', () => {
  test('if it speaks TLS to a port that does not', async () => {
    const tlsUrl = `rediss://127.0.0.1:${rig.redis.port}`;
    await expectComplaints(tlsUrl, /the TLS handshake gets no reply.*use redis:\/\//);
  });

  test('if it does not speak TLS to a port that does', async () => {
    const tls = await TlsRedis.start();
    rig.closeLater({ close: () => tls.stop() });
    await expectComplaints(tls.url('redis'), /speak.* TLS.*rediss:\/\//);
  });

  test('if Redis accepts no more clients, even if only a waiting connection finds no room', async () => {
    const before = Number(/connected_clients:(\d+)/.exec(await rig.commands.info('clients'))?.[1]);
    try {
      await rig.commands.config('SET', 'maxclients', before);
      await expectComplaints(rig.redis.url, /maxclients/);

      // For commands, events, and one of the two that wait.
      await rig.commands.config('SET', 'maxclients', before + 3);
      const server = rig.strategy({ connectTimeoutMs: CONNECT_TIMEOUT_MS });
      const app = await rig.microservice({ controllers: [EchoController] }, server);
      await expect(app.listen()).rejects.toThrow(/rq-wait.*maxclients/);
    } finally {
      await rig.commands.config('SET', 'maxclients', 10_000);
    }
  });

  test('if it leads to a node of a cluster', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cluster-node-'));
    rig.closeLater({ close: () => rm(directory, { recursive: true, force: true }) });
    const { url } = await redis({
      'cluster-enabled': 'yes',
      'cluster-config-file': join(directory, 'nodes.conf'),
    });
    await expectComplaints(url, /node of a (Redis C|c)luster: give \{ nodes/);
  });

  test('if no Sentinel knows the name, and the log says so once', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sentinel-'));
    rig.closeLater({ close: () => rm(directory, { recursive: true, force: true }) });
    const port = await findFreePort();
    const file = join(directory, 'sentinel.conf');
    await writeFile(file, `port ${port}\nsentinel monitor right 127.0.0.1 ${rig.redis.port} 1\n`);
    const sentinel = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
    rig.closeLater({ close: () => sentinel.kill('SIGKILL') });
    const sentinels = [{ host: '127.0.0.1', port }];
    const right = rig.client({ connection: { sentinels, name: 'right' } });
    await eventually(() => right.connect());

    rig.logs.clear();
    const wrong = /The Sentinels know no primary named "wrong".*SENTINEL MASTERS/;
    await expectComplaints({ sentinels, name: 'wrong' }, wrong);

    // One for the client, one for the server. The admin has no log.
    expect(rig.logs.matching('error', /Sentinel/)).toHaveLength(2);
  });

  test('if its process may not open more sockets', async () => {
    const settings = { url: rig.redis.url, prefix: rig.prefix, handlers: 3 };
    const { child } = rig.closeLater(
      await TestProcess.start('programs/many-handlers.js', settings),
    );
    // Only after the library is loaded, since that needs many files.
    const open = readdirSync(`/proc/${child.pid}/fd`).length;
    execFileSync('prlimit', [`--pid=${child.pid}`, `--nofile=${open + 1}`]);
    child.send('start');
    rig.mayRemain(/}[^:]*:(consumers|fenced)$/);

    const [answer] = (await once(child, 'message')) as [{ started: boolean; message: string }];

    expect(answer).toMatchObject({
      started: false,
      message: expect.stringMatching(/EMFILE.*ulimit -n/) as unknown,
    });
  });
});

describe('the health of a server to which Redis refuses something', () => {
  async function serve(...rules: string[]): Promise<{ health(): unknown }> {
    await rig.commands.call('ACL', 'SETUSER', 'service', 'reset', 'on', '>pw', '~*', '&*', '+@all');
    rig.closeLater({ close: () => rig.commands.call('ACL', 'DELUSER', 'service') });
    const server = rig.strategy({ connection: `redis://service:pw@127.0.0.1:${rig.redis.port}` });
    const app = await rig.microservice({ controllers: [EchoController] }, server);
    await app.listen();
    expect(server.health()).toMatchObject({ status: 'up' });
    await rig.commands.call('ACL', 'SETUSER', 'service', ...rules);
    return server;
  }

  test.each([
    ['-ltrim', /consumer of "echo.*".*NOPERM.*'ltrim'/],
    ['-blmove', /rq-wait-.*NOPERM/],
  ])('is down, with the reason, until it is fixed (%s)', async (lacking, reason) => {
    const server = await serve(lacking);
    for (const queue of ['echo', 'echo.too'])
      await rig.commands.publish(`${rig.prefix}:{${queue}}:wake`, '');
    await lastValueFrom(rig.client().enqueue('echo', 1));
    await lastValueFrom(rig.client().enqueue('echo.too', 1));

    await eventually(() =>
      expect(server.health()).toEqual({
        status: 'down',
        sinceRoundTripMs: expect.any(Number) as unknown,
        reason: expect.stringMatching(reason) as unknown,
        downForMs: expect.any(Number) as unknown,
        refusedQueues: ['echo', 'echo.too'].map((queue) => ({
          queue,
          sinceMs: expect.any(Number),
          reply: 'NOPERM',
          lastError: expect.stringMatching(/NOPERM/),
        })),
      }),
    );

    await rig.commands.call('ACL', 'SETUSER', 'service', '+@all');
    await eventually(() => expect(server.health()).toMatchObject({ status: 'up' }), 15_000);
  });
});
