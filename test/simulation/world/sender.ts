import type { Broker } from '../../../libs/redis-queue-transport/src/core/broker/broker.js';
import { SendBudget } from '../../../libs/redis-queue-transport/src/core/requests/send-budget.js';
import { WaitForRoom } from '../../../libs/redis-queue-transport/src/core/requests/wait-for-room.js';
import type { MessagePlan } from '../scenario/scenario.js';
import type { SimulatedProcess } from './simulated-process.js';

/** A process that sends, and waits for room where its messages say so. */
export class Sender {
  readonly #room: WaitForRoom;

  constructor(readonly process: SimulatedProcess) {
    const { broker, runtime } = process;
    const length = (queue: string): ReturnType<Broker['length']> => broker.length(queue);
    this.#room = new WaitForRoom({ runtime, budget: new SendBudget(1_000, 1_000_000), length });
  }

  get broker(): Broker {
    return this.process.broker;
  }

  send<T>(plan: MessagePlan, bytes: number, send: () => Promise<T>): Promise<T> {
    const { queue, waitForRoomMs } = plan;
    return waitForRoomMs === undefined ? send() : this.#room.run(queue, bytes, waitForRoomMs, send);
  }
}
