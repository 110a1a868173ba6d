import { Proxy } from '../../support/proxy.js';
import { SlowNetwork } from '../../support/slow-network.js';
import type { Between } from './servers.js';

export async function startBetween(redisPort: number): Promise<Between> {
  const proxy = await Proxy.start(redisPort);
  return { proxy, network: await SlowNetwork.start(proxy.port) };
}

export async function closeBetween({ proxy, network }: Between): Promise<void> {
  await network.close();
  await proxy.close();
}
