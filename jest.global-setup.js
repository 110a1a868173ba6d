import { findPython, findRedisServer } from 'local-redis';

/** Before the first test, since it may have to install something, which takes longer than a test may. */
export default async function prepareServerAndPython() {
  await findRedisServer();
  // Only test/wire needs it, and says then what is missing; the other tests must run without.
  await findPython().catch(() => undefined);
}
