import { RedisQueueServer } from '../../index.js';
import type { RedisQueueServerOptions } from '../../index.js';

/** Answers a message: with a value, a promise, an Observable, or by throwing. */
export type FakeHandler<TData = never> = (data: TData) => unknown;

/** Starts a server that has these handlers and no app. */
export async function serveFakes(
  options: RedisQueueServerOptions,
  handlers: readonly (readonly [pattern: string, handler: FakeHandler])[],
): Promise<RedisQueueServer> {
  const server = new RedisQueueServer(options);
  for (const [pattern, handler] of handlers) {
    // As Nest's handlers are: what throws at once is an answer too.
    const handle = async (data: unknown): Promise<never> => (await handler(data as never)) as never;
    server.addHandler(pattern, handle, false, {});
  }
  await new Promise<void>((resolve, reject) => {
    server.listen((error) => {
      if (error === undefined) resolve();
      // It is what listen() failed with, unchanged.
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
      else reject(error);
    });
  });
  return server;
}
