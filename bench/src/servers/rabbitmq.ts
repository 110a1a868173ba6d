import { dirname, join } from 'node:path';
import { findFreePort } from 'local-redis';
import { GuardedServer } from './guarded-server.js';
import { findProgram } from './program.js';
import { cpuUsOf, type BenchServer } from './server.js';

/** The program itself: the one on Debian's PATH switches to another user, whose directories are elsewhere. */
const PROGRAM = '/usr/lib/rabbitmq/bin/rabbitmq-server';

/** An empty RabbitMQ, and the Erlang port mapper that it needs, both on loopback only. */
export async function startRabbitServer(): Promise<BenchServer> {
  const found = await findProgram('rabbitmq-server');
  const program = found === '/usr/sbin/rabbitmq-server' ? PROGRAM : found;
  const mapperPort = await findFreePort();
  const mapper = await GuardedServer.start(mapperPort, () => [
    'epmd',
    ...['-port', String(mapperPort), '-address', '127.0.0.1'],
  ]);
  const port = await findFreePort();
  const distributionPort = await findFreePort();
  const server = await GuardedServer.start(
    port,
    () => [program],
    (directory) => ({
      HOME: directory, // for the cookie
      ERL_EPMD_PORT: String(mapperPort),
      RABBITMQ_NODENAME: `bench${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distributionPort),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      RABBITMQ_MNESIA_BASE: join(directory, 'data'),
      RABBITMQ_LOG_BASE: join(directory, 'log'),
      RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq'),
      RABBITMQ_CONF_ENV_FILE: join(directory, 'rabbitmq-env.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
      RABBITMQ_PID_FILE: join(directory, 'pid'),
      PATH: `${process.env['PATH'] ?? ''}:${dirname(program)}`,
    }),
  ).catch(async (error: unknown) => {
    await mapper.stop();
    throw error;
  });
  return {
    url: `amqp://127.0.0.1:${port}`,
    figures: async () => ({ cpuUs: await cpuUsOf(server.pid), redis: undefined }),
    stop: async () => {
      await server.stop();
      await mapper.stop();
    },
  };
}
