import type { NetworkPlan } from '../scenario/scenario.js';
import type { Random } from '../time/random.js';

/** How long calls of one process take. */
export class Network {
  constructor(
    private readonly plan: NetworkPlan,
    private readonly chance: Random,
  ) {}

  /** One way, in ms. */
  tripMs(): number {
    const { leastMs, mostMs, slowMs } = this.plan;
    if (this.chance.chance(0.01)) return slowMs;
    return leastMs + this.chance.next() * (mostMs - leastMs);
  }
}
