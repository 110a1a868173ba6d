import type {
  Broker,
  EventDeclaration,
  Feed,
  ListSource,
  OtherTerms,
  Published,
  PublishTerms,
  PushTerms,
  QueueLength,
  QueueTerms,
  RecoveryTerms,
  ServedAs,
  StreamState,
  WakeNews,
} from '../../core/broker/broker.js';
import { CLOSE_WITHIN_MS } from '../../core/broker/broker.js';
import { healthOf } from '../../core/broker/health.js';
import type { RedisQueueHealth } from '../../core/broker/health.js';
import type { Lease, LeaseTerms } from '../../core/broker/lease.js';
import type { Element } from '../../core/message/envelope.js';
import { drained } from '../../core/process/drained.js';
import { homeContext } from '../../core/process/own-context.js';
import { MemoryEvents } from '../events/memory-events.js';
import { Channel } from '../link/channel.js';
import { Contact } from '../link/contact.js';
import { Consumers } from '../lease/consumers.js';
import { fillOf } from '../queue/bound.js';
import { ListFeeder } from '../queue/list-feeder.js';
import { Pushes } from '../queue/pushes.js';
import { MemoryReplies } from '../replies/memory-replies.js';
import type { Store } from '../store/store.js';
import type { MemoryBrokerEvents, MemoryBrokerOptions } from '../process/broker-options.js';
import { Names } from '../process/names.js';
import { ServedNames } from './served-names.js';
import type { Surroundings } from '../process/surroundings.js';

/** The broker of one process on a store in memory. Each verb makes one call, or a few, over the link. */
export class MemoryBroker implements Broker {
  readonly #at: Surroundings;
  readonly #contact: Contact;
  readonly #pushes: Pushes;
  readonly #served: ServedNames;
  readonly #consumers: Consumers;
  readonly #events: MemoryEvents;
  readonly #replies: MemoryReplies;
  readonly #feeders: ListFeeder[] = [];
  #isConnected = false;
  #interruptions = 0;

  constructor(
    private readonly store: Store,
    private readonly options: MemoryBrokerOptions,
    events: MemoryBrokerEvents,
  ) {
    const { link, prefix, runtime } = options;
    this.#contact = new Contact(store, link, runtime);
    const home = homeContext();
    this.#at = {
      store,
      space: store.space(prefix),
      contact: this.#contact,
      names: new Names(options.process, runtime),
      options,
      events,
      home,
      channel: new Channel(this.#contact, home, () => this.#onInterrupted()),
      connect: () => this.connect(),
    };
    this.#pushes = new Pushes(this.#at);
    this.#served = new ServedNames(this.#at);
    this.#events = new MemoryEvents(this.#at);
    this.#replies = new MemoryReplies(this.#at);
    this.#consumers = new Consumers(this.#at, this.#events);
  }

  async connect(): Promise<void> {
    await this.#contact.ready(this.options.connectTimeoutMs);
    if (this.#isConnected) return;
    this.#isConnected = true;
    this.#at.events.status('connected');
  }

  push(
    queue: string,
    messageId: string,
    element: Element,
    terms?: PushTerms,
  ): Promise<'added' | 'duplicate'> {
    const full = this.options.budget.take(element.length);
    if (full !== undefined) return Promise.reject(full);
    return this.#pushes.push(queue, messageId, element, terms);
  }

  length(queueName: string): Promise<QueueLength> {
    const queue = this.#at.space.queue(queueName);
    return this.#contact.call('read the length of a queue', () => fillOf(queue));
  }

  isServed(queue: string): Promise<boolean> {
    return this.#served.isServed(queue);
  }

  servedAs(name: string): Promise<ServedAs> {
    return this.#served.servedAs(name);
  }

  stranded(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#served.stranded(names);
  }

  publish(
    pattern: string,
    messageId: string,
    element: Element,
    terms?: PublishTerms,
  ): Promise<Published> {
    const full = this.options.budget.take(element.length);
    if (full !== undefined) return Promise.reject(full);
    return this.#events
      .publish(pattern, messageId, element, terms)
      .finally(() => this.options.budget.give(element.length));
  }

  declare(declaration: EventDeclaration): Promise<void> {
    return this.#events.declare(declaration);
  }

  subscribe(
    patterns: readonly string[],
    onEvent: (pattern: string, element: Buffer) => void,
    recovery?: RecoveryTerms,
  ): Promise<void> {
    return this.#at.home.runInAsyncScope(() => this.#events.subscribe(patterns, onEvent, recovery));
  }

  reply(list: string, element: Element, request: number): Promise<unknown> {
    return this.#replies.reply(list, element, request);
  }

  replyAndGoOn(list: string, element: Element, request: number): Promise<StreamState> {
    return this.#replies.replyAndGoOn(list, element, request);
  }

  repliesWritten(list: string, request: number): Promise<unknown> | undefined {
    return this.#replies.repliesWritten(list, request);
  }

  refuseReplies(requests: readonly number[]): Promise<void> {
    return this.#replies.refuseReplies(requests);
  }

  isReplyList(list: string): boolean {
    return this.#replies.isReplyList(list);
  }

  receiveReplies(onReply: (element: Buffer) => void): Promise<string> {
    return this.#at.home.runInAsyncScope(() => this.#replies.receiveReplies(onReply));
  }

  join(queue: string, terms: LeaseTerms, onWake: (news: WakeNews) => void): Promise<Lease> {
    return this.#at.home.runInAsyncScope(() => this.#consumers.join(queue, terms, onWake));
  }

  noteTerms(queue: string, terms: QueueTerms): Promise<OtherTerms | undefined> {
    return this.#consumers.noteTerms(queue, terms);
  }

  feed(queue: string, source: ListSource): Promise<Feed> {
    return this.#at.home.runInAsyncScope(this.#feed, this, queue, source);
  }

  async #feed(queue: string, source: ListSource): Promise<Feed> {
    const feeder = new ListFeeder(source, this.#at.space.queue(queue), this.#at);
    this.#feeders.push(feeder);
    await feeder.start();
    return feeder;
  }

  nowMs(): number {
    return this.store.clock.nowMs();
  }

  health(): RedisQueueHealth {
    return healthOf([this.#contact.health]);
  }

  async close(withinMs = CLOSE_WITHIN_MS): Promise<void> {
    await drained(
      () => this.#contact.isBusy || this.#replies.isBusy,
      withinMs,
      this.options.runtime,
    );
    this.#events.stop();
    this.#replies.stop();
    const fed = this.#feeders.map((feeder) => feeder.stop());
    this.#contact.close();
    await Promise.all(fed);
  }

  #onInterrupted(): void {
    this.#interruptions += 1;
    this.#at.events.interrupted(this.#interruptions);
    this.#events.interrupted();
    this.#consumers.wakeAll();
    this.#consumers.noteAgain().catch((error: unknown) => this.#at.events.error(error));
  }
}
