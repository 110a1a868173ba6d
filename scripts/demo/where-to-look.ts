import { RESERVE_QUEUE } from './progress.js';
import type { Stage } from './stage.js';

/** Where to look while everything is left running. */
export function whereToLook({ shop, redis }: Stage): string {
  const [inventory] = shop.running('inventory-service');
  const queue = `${redis.queuePrefix}:{${RESERVE_QUEUE}}`;
  return `Everything is still running.
  curl "${shop.address}/orders?limit=3"
  curl ${shop.address}/stock/TEA-ASSAM-250
  ${redis.cli}
    HGETALL ${redis.queuePrefix}:queues
    LRANGE '${queue}:waiting' 0 9
    XREVRANGE '${queue}:dead' + - COUNT 10
    ZRANGE '${queue}:consumers' 0 -1 WITHSCORES
    HGETALL ${redis.dataPrefix}:{stock}:units
    LRANGE ${redis.dataPrefix}:{mail}:sent -3 -1
To see orders wait in Redis: kill -STOP ${inventory?.pid}, post some, look, kill -CONT ${inventory?.pid}.
Ctrl-C stops everything and removes it.
`;
}
