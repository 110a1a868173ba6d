import { afterAll, describe, expect, test } from '@jest/globals';
import { ProgramMissing } from '../../bench/src/servers/program.js';
import { startRabbitServer } from '../../bench/src/servers/rabbitmq.js';
import { eventually } from '../support/eventually.js';
import { exampleRig } from './example-rig.js';

const rig = exampleRig();

/** Runs a program until it has printed the story. The programs of a page print the same one, but their logs differ. */
async function tells(
  example: string,
  story: readonly string[],
  environment: Record<string, string> = {},
): Promise<void> {
  const program = rig.start(`coming-from/${example}`, environment);
  await eventually(() => expect(program.ownLines).toEqual(expect.arrayContaining([...story])));
  expect(await program.stop()).toBe('SIGTERM');
}

describe('coming from Nest’s Redis transport', () => {
  const story = ['sent to ada@example.com', 'welcome, Ada'];

  test.each(['before', 'after'])('the service %s says the same', async (time) => {
    await tells(`nest-redis/${time}`, story);
  });
});

describe('coming from @nestjs/bullmq', () => {
  const story = [
    'failed: 1',
    'given up: there is no address',
    'mail to ada@example.com, attempt 2',
  ];

  test.each(['before', 'after'])('the service %s says the same', async (time) => {
    await tells(`bullmq/${time}`, story);
  });
});

// Installs RabbitMQ if it may, before any test, since that takes longer than a test may.
const rabbit = await startRabbitServer().catch((error: unknown) => {
  if (!(error instanceof ProgramMissing)) throw error;
  process.stderr.write(`The program that uses RabbitMQ is not run: ${error.message}\n`);
  return undefined;
});
afterAll(() => rabbit?.stop());

describe('coming from Nest’s RMQ transport', () => {
  const story = ['bill for order 1 of acme', 'order 2 cannot be billed', 'price: 12'];

  (rabbit === undefined ? test.skip : test)('the service before says the same', async () => {
    await tells('rmq/before', story, { AMQP_URL: rabbit?.url ?? '' });
  });

  test('the service after says the same, and keeps what cannot be billed', async () => {
    await tells('rmq/after', story);
    expect(await rig.commands.xlen('rq:{order.bill}:dead')).toBe(1);
  });
});
