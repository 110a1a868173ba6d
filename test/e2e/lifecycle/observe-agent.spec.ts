import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { buffer } from 'node:stream/consumers';
import { expect, jest, test } from '@jest/globals';
import { eventually } from '../../support/eventually.js';
import { NestProgram } from '../../support/nest-program.js';
import { redisRig } from '../../support/redis-rig.js';

jest.setTimeout(120_000);
const rig = redisRig();

/** The texts that Nest's agent sends to its service. */
async function collector(): Promise<{ readonly url: string; readonly bodies: string[] }> {
  const bodies: string[] = [];
  const server: Server = createServer((request, response) => {
    void buffer(request).then((body) => {
      bodies.push(
        request.headers['content-encoding'] === 'gzip' ? String(gunzipSync(body)) : String(body),
      );
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  rig.closeLater({
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  });
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return { url: `http://127.0.0.1:${port}`, bodies };
}

/** Protocol and operation of what the agent has traced. */
function snapshotsIn(bodies: readonly string[]): readonly unknown[] {
  return bodies.flatMap((body) => {
    const { snapshots = [] } = JSON.parse(body) as { snapshots?: { p: unknown; op: unknown }[] };
    return snapshots.map(({ p, op }) => ({ p, op }));
  });
}

test("Nest's agent follows a request through messages and events, and shows them by transport and pattern", async () => {
  const { url, bodies } = await collector();
  const app = rig.closeLater(
    new NestProgram('observed-app', {
      REDIS_URL: rig.redis.url,
      PREFIX: rig.prefix,
      COLLECTOR_URL: url,
    }),
  );
  await eventually(
    () => expect(app.printed).toContainEqual(expect.stringMatching(/^listens /)),
    60_000,
  );
  const base = app.printed.find((line) => line.startsWith('listens '))?.slice('listens '.length);

  const headers = { 'x-request-id': 'r-1' };
  expect(await (await fetch(`${base}/orders`, { headers })).text()).toBe('placed');

  await eventually(() =>
    expect(app.printed).toEqual(
      expect.arrayContaining([
        'http r-1',
        'order.place r-1',
        'mail.send again r-1',
        'live order.placed r-1',
        'billing order.placed r-1',
      ]),
    ),
  );
  // One call for messages of several traces begins a trace of its own.
  await eventually(() =>
    expect(app.printed).toContainEqual(expect.stringMatching(/^2 rows (?!r-1)/)),
  );
  // The agent keeps one operation for each trace id and process, so some of the others are not reported.
  await eventually(
    () => expect(snapshotsIn(bodies)).toContainEqual({ p: 'REDIS_QUEUE_TRANSPORT', op: 'row' }),
    60_000,
  );
  app.signal('SIGTERM');
  expect(await app.ended).toEqual({ code: null, signal: 'SIGTERM' });
});
