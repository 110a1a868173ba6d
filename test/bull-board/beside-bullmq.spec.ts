import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { expect, test } from '@jest/globals';
import { FlowProducer, Queue, Worker } from 'bullmq';
import type { QueueOptions } from 'bullmq';
import { RedisQueueAdmin } from 'nestjs-redis-queue-transport';
import { RedisQueueAdapter } from 'nestjs-redis-queue-transport/bull-board';
import { controllerOf } from '../e2e/delivery/controller.js';
import { browserRig } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { nestRig } from '../support/nest-rig.js';
import { Board } from './board-rig.js';

const browser = await browserRig();
const rig = nestRig();

function bullOptions(): QueueOptions {
  rig.mayRemain(/:bull:/);
  return {
    connection: { host: '127.0.0.1', port: rig.redis.port },
    prefix: `${rig.prefix}:bull`,
  };
}

test('queues of BullMQ on the same board keep their pages, their flows and their jobs', async () => {
  const { port } = rig.redis;
  const options = bullOptions();
  const bull = rig.closeLater(new Queue('bull.work', options));
  const flows = rig.closeLater(new FlowProducer(options));
  const handledByBull: unknown[] = [];
  const worker = rig.closeLater(
    new Worker<unknown>(
      'bull.work',
      (job) => {
        if (job.name === 'bad') throw new Error('no');
        handledByBull.push(job.name);
        return Promise.resolve('done');
      },
      options,
    ),
  );
  worker.on('error', () => undefined); // its connections end with the test
  const handled: unknown[] = [];
  await rig.serve({ controllers: [controllerOf('work', (data) => void handled.push(data))] });
  const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
  const client = rig.client();
  // Ours come first, since bull-board asks some things of the first queue alone.
  // #region adapters
  const queues = [
    new RedisQueueAdapter({ admin, client, queue: 'work' }),
    new RedisQueueAdapter({ admin, queue: { pattern: 'order.placed', group: 'billing' } }),
    new BullMQAdapter(bull),
  ];
  // #endregion adapters
  const board = await Board.open(rig, queues);

  const flow = await flows.add({
    name: 'parent',
    queueName: 'bull.work',
    children: [{ name: 'child', queueName: 'bull.work' }],
  });
  await bull.add('bad', { n: 1 }, { jobId: 'bad-1' });
  await client.enqueue('work', 'ours', { id: 'o' });
  await eventually(() => expect(handledByBull.toSorted()).toEqual(['child', 'parent']));
  await eventually(() => expect(handled).toEqual(['ours']));
  await admin.pause('work');
  await client.enqueue('work', 'waits', { id: 'w' });

  const page = await board.queue('bull.work');
  expect(page).toMatchObject({ type: 'bullmq', counts: { completed: 2, failed: 1 } });
  expect(await board.queue('work')).toMatchObject({ type: 'bull', counts: { waiting: 1 } });

  const { body } = await board.get(`queues/bull.work/${flow.job.id}/flow`);
  expect(body).toMatchObject({
    isFlowNode: true,
    flowRoot: { name: 'parent', state: 'completed', children: [{ name: 'child' }] },
  });
  expect((await board.get('queues/work/w/flow')).body).toMatchObject({ isFlowNode: false });

  expect((await board.get('queues/bull.work/bad-1')).body).toMatchObject({ status: 'failed' });
  expect((await board.put('queues/bull.work/bad-1/retry')).status).toBe(204);
  await eventually(async () =>
    expect((await board.get('queues/bull.work/bad-1')).body).toMatchObject({
      status: 'failed',
      job: { attempts: 2 },
    }),
  );
  const added = await board.ask('POST', 'queues/bull.work/add', { name: 'more', data: {} });
  expect(added.status).toBe(200);
  await eventually(() => expect(handledByBull).toContain('more'));
  expect((await board.get('redis/stats')).body).toMatchObject({ backend: 'redis', port });
  expect((await board.get('job-schedulers')).body).toEqual({ schedulers: [] });

  expect((await board.put('queues/pause')).status).toBe(200);
  expect(await bull.isPaused()).toBe(true);
  expect((await board.put('queues/resume')).status).toBe(200);
  expect(await bull.isPaused()).toBe(false);
  await eventually(() => expect(handled).toEqual(['ours', 'waits']));
});

browser.describe('in a browser', () => {
  test('both have their pages, and a flow of BullMQ its tab', async () => {
    const options = bullOptions();
    const bull = rig.closeLater(new Queue('bull.work', options));
    const flows = rig.closeLater(new FlowProducer(options));
    const flow = await flows.add({
      name: 'parent',
      queueName: 'bull.work',
      children: [{ name: 'child', queueName: 'bull.work' }],
    });
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    const client = rig.client();
    await client.enqueue('work', { to: 'ada' }, { id: 'w' });
    const ours = new RedisQueueAdapter({ admin, client, queue: 'work' });
    const board = await Board.open(rig, [ours, new BullMQAdapter(bull)]);
    await admin.pause('work');
    await rig.serve({ controllers: [controllerOf('work', () => undefined)] });
    const [{ name: consumer = '' } = {}] = await eventually(async () => {
      const consumers = await admin.consumers('work');
      expect(consumers).toHaveLength(1);
      return consumers;
    });
    const page = await browser.page();

    await page.goto(`${board.url}/queue/bull.work/${flow.job.id}`);
    await page.getByRole('heading', { name: 'Job flow' }).waitFor();
    await page.getByRole('group', { name: 'child, waiting, queue bull.work' }).waitFor();

    await page.goto(`${board.url}/queue/work/w`);
    await page.getByRole('treeitem', { name: 'to:"ada"' }).waitFor();
    expect(await page.getByRole('heading', { name: 'Job flow' }).count()).toBe(0);

    await page.goto(`${board.url}/queue/work`);
    await page.locator('nav').getByRole('link', { name: 'bull.work', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Queue info' }).click();
    await page.getByRole('button', { name: 'Connected workers' }).click();
    await page.getByText(consumer).waitFor();
  });

  test('messages with a priority have their tab, and those in lanes end that of the waiting ones', async () => {
    const admin = rig.closeLater(new RedisQueueAdmin(rig.clientOptions()));
    const client = rig.client();
    await client.enqueue('work', 'first', { id: 'a-first', key: 'ada' });
    await client.enqueue('work', 'behind', { id: 'a-behind', key: 'ada', priority: 9 });
    await client.enqueue('work', 'urgent', { id: 'urgent', priority: 9 });
    await client.enqueue('work', 'bulk', { id: 'bulk', priority: 0 });
    const board = await Board.open(rig, [new RedisQueueAdapter({ admin, client, queue: 'work' })]);
    const page = await browser.page();

    await page.goto(`${board.url}/queue/work`);
    await page.getByRole('link', { name: 'PRIORITIZED 2' }).click();
    await page.getByRole('link', { name: 'urgent work' }).waitFor();
    await page.getByRole('link', { name: 'bulk work' }).waitFor();

    await page.getByRole('link', { name: 'WAITING 2' }).click();
    await page.getByRole('link', { name: 'a-first work' }).waitFor();
    await page.getByRole('link', { name: 'a-behind work' }).click();
    await page.getByRole('treeitem', { name: 'jobData:"behind"' }).waitFor();
  });
});
