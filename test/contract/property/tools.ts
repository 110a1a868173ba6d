import type {
  AdminBroker,
  DeadElement,
} from '../../../libs/redis-queue-transport/src/core/admin/admin-broker.js';
import { redrivenElement } from '../../../libs/redis-queue-transport/src/core/message/dead-letter.js';
import type { Listed, RemovedFrom, Tending } from './commands.js';
import { labelOfDead, textOf } from './labels.js';

const ALL = 1_000;

/** What no tool is told. */
interface Insight {
  readonly indexOf: (consumer: string) => number;
  /** Key by key. */
  readonly inLanes: () => Promise<readonly Buffer[]>;
}

/** What tools do to one queue. */
export class Tools {
  constructor(
    private readonly admin: AdminBroker,
    private readonly queue: string,
    private readonly insight: Insight,
  ) {}

  async run(tending: Tending): Promise<unknown> {
    const { admin, queue } = this;
    switch (tending.kind) {
      case 'setPaused':
        return admin.setPaused(queue, tending.isPaused);
      case 'setKeyPaused':
        return admin.setKeyPaused(queue, encodeURIComponent(tending.key), tending.isPaused);
      case 'purge':
        return admin.purge(queue, tending.what);
      case 'remove': {
        const element = (await this.#elements(tending.from))[tending.at];
        return admin.remove(queue, element ?? Buffer.from('none'));
      }
      case 'advance': {
        const delayed = await admin.delayed(queue, tending.from, tending.count);
        const elements = delayed.map(({ element }) => element);
        return admin.advance(queue, elements, delayed.at(-1)?.dueMs ?? 0);
      }
      case 'redrive': {
        const letters = (await this.#letters(tending.from, tending.count)).map(
          ({ entry, element }) => ({ entry, element: redrivenElement(element) }),
        );
        return [await admin.redrive(queue, letters), await admin.redrive(queue, letters)];
      }
      case 'deleteDeadLetters': {
        const letters = await this.#letters(tending.from, tending.count);
        return admin.deleteDeadLetters(
          queue,
          letters.map(({ entry }) => entry),
        );
      }
      case 'find':
        return this.#find(`m${tending.pushed}`);
      case 'list':
        return this.#list(tending.what, tending.offset, tending.count);
    }
  }

  async deleteAllDeadLetters(): Promise<void> {
    const letters = await this.#letters(0, ALL);
    await this.admin.deleteDeadLetters(
      this.queue,
      letters.map(({ entry }) => entry),
    );
  }

  async #elements(place: RemovedFrom): Promise<readonly Buffer[]> {
    const { admin, queue } = this;
    if (place === 'lanes') return this.insight.inLanes();
    if (place === 'waiting' || place === 'suspects') return admin[place](queue, 0, ALL);
    return (await admin[place](queue, 0, ALL)).map(({ element }) => element);
  }

  #letters(offset: number, count: number, isNewestFirst = false): Promise<readonly DeadElement[]> {
    return this.admin.deadLetters(this.queue, { from: undefined, offset, count, isNewestFirst });
  }

  async #find(id: string): Promise<string | undefined> {
    const found = await this.admin.find(this.queue, id);
    return found?.place === 'held'
      ? `held by ${this.insight.indexOf(found.consumer)}`
      : found?.place;
  }

  async #list(what: Listed, offset: number, count: number): Promise<unknown> {
    switch (what) {
      case 'waiting':
      case 'suspects':
        return (await this.admin[what](this.queue, offset, count)).map(textOf);
      case 'held': {
        const held = await this.admin.held(this.queue, 0, ALL);
        return held
          .map(({ consumer, element }) => `${this.insight.indexOf(consumer)} ${textOf(element)}`)
          .sort();
      }
      case 'oldestDead':
      case 'newestDead': {
        const letters = await this.#letters(offset, count, what === 'newestDead');
        return letters.map(({ element }) => labelOfDead(element));
      }
    }
  }
}
