import { findFreePort } from 'local-redis';
import { GuardedServer } from './guarded-server.js';
import { findProgram } from './program.js';
import { cpuUsOf, type BenchServer } from './server.js';

/** A NATS server with JetStream, which keeps its messages in files and syncs them from time to time, as by default. */
export async function startNatsServer(): Promise<BenchServer> {
  const program = await findProgram('nats-server');
  const port = await findFreePort();
  const server = await GuardedServer.start(port, (directory) => [
    program,
    ...['--addr', '127.0.0.1', '--port', String(port)],
    ...['--jetstream', '--store_dir', directory],
  ]);
  return {
    url: `nats://127.0.0.1:${port}`,
    figures: async () => ({ cpuUs: await cpuUsOf(server.pid), redis: undefined }),
    stop: () => server.stop(),
  };
}
