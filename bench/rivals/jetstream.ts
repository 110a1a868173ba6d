import {
  AckPolicy,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  type ConsumerMessages,
  type JsMsg,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { DEFAULT_CONCURRENCY, patternsOf } from '../src/contestant.js';
import type { Contestant, Handler } from '../src/contestant.js';

/** NATS JetStream with its own client, without Nest: a work queue in a file, which is its default. */

const DURABLE = 'bench';

export const openConsumer: Contestant['openConsumer'] = async (target, settings, handler) => {
  const connection = await connect({ servers: target.url });
  const { concurrency = DEFAULT_CONCURRENCY, prefetch } = settings;
  const ahead = prefetch ?? concurrency;
  const streams = patternsOf(target, settings);
  const taken = await Promise.all(
    streams.map(async (stream) => {
      await ensureStream(connection, stream);
      return consume(connection, stream, ahead);
    }),
  );
  for (const messages of taken) void handleAll(messages, handler, concurrency === 1);
  return {
    close: async () => {
      await Promise.all(taken.map((messages) => messages.close()));
      await connection.drain();
    },
  };
};

/** The server hands out no more messages than may be unsettled at once. */
async function consume(
  connection: NatsConnection,
  stream: string,
  ahead: number,
): Promise<ConsumerMessages> {
  const manager = await jetstreamManager(connection);
  const config = { ack_policy: AckPolicy.Explicit, max_ack_pending: ahead };
  await manager.consumers.add(stream, { durable_name: DURABLE, ...config });
  const consumer = await jetstream(connection).consumers.get(stream, DURABLE);
  return consumer.consume({ max_messages: ahead });
}

async function handleAll(
  messages: ConsumerMessages,
  handler: Handler,
  oneByOne: boolean,
): Promise<void> {
  for await (const message of messages) {
    const handled = handle(message, handler);
    if (handled instanceof Promise && oneByOne) await handled;
  }
}

function handle(message: JsMsg, handler: Handler): Promise<void> | undefined {
  const result = handler(message.json());
  if (result instanceof Promise) return result.then(() => message.ack());
  message.ack();
  return undefined;
}

export const openProducer: Contestant['openProducer'] = async ({ url, queue }) => {
  const connection = await connect({ servers: url });
  await ensureStream(connection, queue);
  const client = jetstream(connection);
  return {
    send: (message, done) => {
      client.publish(queue, JSON.stringify(message)).then(() => done(undefined), done);
    },
    close: () => connection.drain(),
  };
};

async function ensureStream(connection: NatsConnection, name: string): Promise<void> {
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name, subjects: [name], retention: RetentionPolicy.Workqueue });
}
