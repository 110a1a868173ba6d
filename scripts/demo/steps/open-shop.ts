import type { Scene } from '../scene.js';

export async function openShop({ stage, narrator }: Scene): Promise<void> {
  narrator.begin(
    'The shop opens',
    'order-service takes orders over HTTP, charges cards and e-mails customers; it has two replicas. ' +
      'inventory-service keeps the stock. They talk only by messages and events on Redis.',
  );
  const { redis, shop } = stage;
  await shop.open();
  await shop.start('order-service');
  const replicas = shop
    .running('order-service')
    .map(({ address, pid }) => `order-service      ${address}, pid ${pid}`);
  const inventory = shop
    .running('inventory-service')
    .map(({ pid }) => `inventory-service  pid ${pid}`);
  narrator.saw(
    [
      `Redis              ${redis.description}`,
      ...replicas,
      ...inventory,
      'All of them say that they are ready.',
    ].join('\n'),
  );
}
