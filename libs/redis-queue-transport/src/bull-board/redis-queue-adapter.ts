import { BaseAdapter } from '@bull-board/api/dist/queueAdapters/base.js';
import type {
  AppJobScheduler,
  JobCleanStatus,
  JobCounts,
  JobSchedulerUpdateResult,
  JobStatus,
  QueueAdapterOptions,
  QueueJob,
  QueueMetrics,
  QueueWorker,
  Status,
} from '@bull-board/api/typings/app';
import { GROUP_NAME, subscriptionOf, subscriptionQueue } from '../core/message/queue-name.js';
import { InvalidOptionError, RedisRefusedError } from '../index.js';
import type { RedisQueueAdmin, RedisQueueClient, RedisQueueName } from '../index.js';
import { ActionRefusedError } from './action-refused-error.js';
import { addedMessage } from './added-message.js';
import { BoardMessage } from './board-message.js';
import type { MessageInState } from './board-message.js';
import { fromAddress, inAddress } from './in-address.js';
import { PAGE, QueueLists, STATES, byPriority } from './queue-lists.js';

/** A queue, and what the board uses to look into it. */
export interface QueueOnBoard {
  readonly admin: RedisQueueAdmin;
  /** Its name, or the pattern and the group of an event subscription. */
  readonly queue: RedisQueueName;
  /** Sends what people add on the board. Without one, adding is refused. */
  readonly client?: RedisQueueClient | undefined;
}

/** bull-board's own options, and one more. */
export interface RedisQueueAdapterOptions extends Partial<QueueAdapterOptions> {
  /**
   * Whether the board shows data, headers and the texts of errors. Default: true, and false with `readOnlyMode`.
   */
  readonly showPayloads?: boolean | undefined;
}

/**
 * Shows one queue on a board of bull-board, beside those of Bull and BullMQ. In the board's words, messages that
 * consumers hold are `active`, and dead letters are `failed`. Those that wait with another priority than the usual one are
 * `prioritized`. There is no `completed`: handled messages are gone.
 *
 * Dead letters are listed oldest first, which is the order in which they are retried; `latest` lists the newest first.
 */
export class RedisQueueAdapter extends BaseAdapter {
  readonly #admin: RedisQueueAdmin;
  readonly #client: RedisQueueClient | undefined;
  readonly #queue: string;
  readonly #showsPayloads: boolean;
  readonly #lists: QueueLists;

  /** @throws InvalidOptionError for a queue without an admin or a name */
  constructor({ admin, queue, client }: QueueOnBoard, options: RedisQueueAdapterOptions = {}) {
    const { showPayloads, ...ofBoard } = options;
    const [name, description] = nameOf(queue);
    const displayName = inAddress(name) === name ? '' : name;
    // As 'bullmq', the board would look in it for parents of BullMQ's jobs.
    super('bull', { description, displayName, ...ofBoard });
    this.#admin = admin;
    this.#client = client;
    this.#queue = name;
    this.#lists = new QueueLists(admin, name);
    this.#showsPayloads = showPayloads ?? ofBoard.readOnlyMode !== true;
  }

  override getName(): string {
    return `${this.prefix}${inAddress(this.#queue)}`;
  }

  /** The description and what holds messages back or, if the queue cannot be looked at, the reason. */
  override getDescription(): string {
    const { trouble, heldBack: reasons } = this.#lists;
    if (trouble !== undefined) return `Cannot be looked at: ${trouble}`;
    const description = super.getDescription();
    return [...(description === '' ? [] : [description]), ...reasons].join('; ');
  }

  override getStatuses(): Status[] {
    return ['latest', ...STATES];
  }

  override getJobStatuses(): JobStatus[] {
    return [...STATES];
  }

  override async getJobCounts(): Promise<JobCounts> {
    const lengths = await this.#lists.lengths();
    const { suspects, inLanes, processing, delayed, dead } = lengths;
    const { higher, usual, lower } = byPriority(lengths);
    return {
      latest: 0,
      active: processing,
      waiting: suspects + usual + inLanes,
      'waiting-children': 0,
      prioritized: higher + lower,
      completed: 0,
      failed: dead,
      delayed,
      paused: 0,
    };
  }

  /** Messages of these states, each from `start` to `end`, both included. Without `end`, 100 of each. */
  override async getJobs(
    statuses: JobStatus[],
    start = 0,
    end = start + PAGE - 1,
  ): Promise<QueueJob[]> {
    const page = { offset: start, limit: end - start + 1 };
    if (page.limit < 1 || this.#lists.trouble !== undefined) return [];
    const isLatest = statuses.length > 1;
    const lists = STATES.filter((state) => statuses.includes(state)).map((state) =>
      this.#lists.list(state, page, isLatest),
    );
    const found = await Promise.all(lists);
    return found.flat().map((each) => this.#message(each, 'list'));
  }

  override async getJob(id: string): Promise<QueueJob | undefined> {
    for (const each of fromAddress(id)) {
      const found = await this.#lists.find(each);
      if (found !== undefined) return this.#message(found, 'page');
    }
    return undefined;
  }

  /** @throws InvalidOptionError for options that a message does not have */
  override async addJob(_name: string, data: unknown, options: object): Promise<QueueJob> {
    if (this.#client === undefined)
      throw refused('Nothing can be added here: the board has no client for this queue.');
    const message = await addedMessage(this.#client, this.#queue, data, options);
    const found = await this.#lists.find(message.id ?? '');
    return this.#message(found ?? { state: 'waiting', message }, 'page');
  }

  override async clean(
    status: JobCleanStatus | 'waiting' | 'prioritized',
    graceTimeMs: number,
  ): Promise<void> {
    switch (status) {
      case 'failed':
        await this.#admin.deleteDeadLetters(this.#queue, (_letter, ageMs) => ageMs >= graceTimeMs, {
          withLarge: false,
        });
        return;
      case 'delayed':
        await this.#admin.purge(this.#queue, { only: 'delayed' });
        return;
      case 'wait':
      case 'waiting':
        await this.#admin.purge(this.#queue, { only: 'waiting' });
        return;
      case 'prioritized':
        throw refused(
          'Messages are not removed by priority: remove them one by one, or all that wait.',
        );
      case 'completed':
        return;
      case 'active':
        throw refused(
          'Messages that consumers hold cannot be removed: they are running, or about to.',
        );
      default:
        throw refused(`There is no list "${String(status)}" to clean.`);
    }
  }

  /** Makes all delayed messages due. */
  override async promoteAll(): Promise<void> {
    await this.#admin.advanceDelayed(this.#queue);
  }

  override async empty(): Promise<void> {
    await this.#admin.purge(this.#queue);
  }

  override obliterate(): Promise<void> {
    return Promise.reject(
      refused('A queue cannot be obliterated: empty it, and clean its dead letters.'),
    );
  }

  override async isPaused(): Promise<boolean> {
    return (await this.#lists.lengths()).isPaused;
  }

  override pause(): Promise<void> {
    return this.#admin.pause(this.#queue);
  }

  override resume(): Promise<void> {
    return this.#admin.resume(this.#queue);
  }

  /** Consumers with a valid lease. */
  override async getWorkers(): Promise<QueueWorker[]> {
    const consumers = await this.#admin.consumers(this.#queue);
    return consumers
      .filter(({ state }) => state === 'live')
      .map(({ name, held }) => ({
        id: name,
        name,
        addr: `holds ${held}`,
        age: 0,
      }));
  }

  /** Null if Redis does not tell this user. */
  override async getRedisInfo(): Promise<string | null> {
    try {
      return await this.#admin.redisInfo();
    } catch (error) {
      if (error instanceof RedisRefusedError) return null;
      throw error;
    }
  }

  override getJobLogs(): Promise<string[]> {
    return Promise.resolve([]);
  }

  /** bull-board then shows no chart. */
  override getMetrics(): Promise<QueueMetrics> {
    return Promise.reject(refused('There is no history of handled messages here.'));
  }

  override getGlobalConcurrency(): Promise<null> {
    return Promise.resolve(null);
  }

  override setGlobalConcurrency(): Promise<void> {
    return Promise.reject(refused('The concurrency of a queue is an option of its handler.'));
  }

  override getJobSchedulers(): Promise<Omit<AppJobScheduler, 'queueName'>[]> {
    return Promise.resolve([]);
  }

  override getJobSchedulersCount(): Promise<number> {
    return Promise.resolve(0);
  }

  override removeJobScheduler(): Promise<boolean> {
    return Promise.resolve(false);
  }

  override updateJobScheduler(): Promise<JobSchedulerUpdateResult> {
    return Promise.resolve('not-found');
  }

  override runJobSchedulerNow(): Promise<'not-found'> {
    return Promise.resolve('not-found');
  }

  #message(found: MessageInState, at: 'list' | 'page'): BoardMessage {
    const place = {
      admin: this.#admin,
      queue: this.#queue,
      showsPayloads: this.#showsPayloads,
      at,
    };
    return new BoardMessage(place, found);
  }
}

/** The name of a queue, and its description. @throws InvalidOptionError */
function nameOf(queue: RedisQueueName): readonly [name: string, description: string] {
  const name = textOf(queue);
  const subscription = subscriptionOf(name);
  if (subscription !== undefined)
    return [name, `Events ${subscription.pattern} for the group ${subscription.group}`];
  if (name !== '') return [name, ''];
  throw new InvalidOptionError(
    'queue',
    `queue must be the name of a queue, or { pattern, group }, got ${JSON.stringify(queue)}`,
  );
}

function textOf(queue: unknown): string {
  if (typeof queue === 'string') return queue;
  if (typeof queue !== 'object' || queue === null) return '';
  const { pattern, group } = queue as { readonly pattern?: unknown; readonly group?: unknown }; // of users
  if (typeof pattern !== 'string' || pattern === '' || typeof group !== 'string') return '';
  return GROUP_NAME.test(group) ? subscriptionQueue({ pattern, group }) : '';
}

function refused(message: string): ActionRefusedError {
  return new ActionRefusedError(message, 400);
}
