import { findRedisServer } from 'local-redis';

/** Before the first test, since it may have to install the server, which takes longer than a test may. */
export default async function prepareRedisServer() {
  await findRedisServer();
}
