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
import type { LeaseTerms } from '../../core/broker/lease.js';
import type { Element } from '../../core/message/envelope.js';
import type { Dead } from './dead.js';
import type { Traffic } from './traffic.js';
import { WatchedLease } from './watched-lease.js';

/** Passes everything on to the broker behind it, tells what goes by, and can die as far as its consumers are concerned. */
export class WatchedBroker implements Broker {
  readonly #leases = new Set<WatchedLease>();

  constructor(
    private readonly broker: Broker,
    private readonly traffic: Traffic,
    private readonly dead: Dead,
  ) {}

  /** Every lease ends. Each consumer joins again by itself, as that of a process that is started again. */
  crash(): void {
    for (const lease of this.#leases) {
      lease.die();
      this.dead.add(lease);
    }
  }

  /** What ran when it died must not reply. */
  get #isDying(): boolean {
    return [...this.#leases].some(({ isUnnoticed }) => isUnnoticed);
  }

  async join(
    queue: string,
    terms: LeaseTerms,
    onWake: (news: WakeNews) => void,
  ): Promise<WatchedLease> {
    const joined = await this.broker.join(queue, terms, onWake);
    await this.dead.takeOver(queue, joined);
    for (const lease of this.#leases) {
      if (lease.queue === queue && !lease.isUnnoticed) this.#leases.delete(lease);
    }
    const lease = new WatchedLease(joined, queue);
    this.#leases.add(lease);
    return lease;
  }

  push(
    queue: string,
    messageId: string,
    element: Element,
    terms?: PushTerms,
  ): Promise<'added' | 'duplicate'> {
    this.traffic.sent(messageId, element);
    return this.broker.push(queue, messageId, element, terms);
  }

  async publish(
    pattern: string,
    messageId: string,
    element: Element,
    terms?: PublishTerms,
  ): Promise<Published> {
    this.traffic.sent(messageId, element);
    return this.traffic.publishing(pattern, messageId, () =>
      this.broker.publish(pattern, messageId, element, terms),
    );
  }

  async subscribe(
    patterns: readonly string[],
    onEvent: (pattern: string, element: Buffer) => void,
    recovery?: RecoveryTerms,
  ): Promise<void> {
    const heard = (pattern: string, element: Buffer): void => {
      onEvent(pattern, element);
      this.traffic.arrived(element);
    };
    await this.broker.subscribe(patterns, heard, recovery);
    this.traffic.listens(this, patterns);
  }

  async reply(list: string, element: Element, request: number): Promise<unknown> {
    return this.#isDying ? undefined : this.broker.reply(list, element, request);
  }

  async replyAndGoOn(list: string, element: Element, request: number): Promise<StreamState> {
    return this.#isDying ? 'wanted' : this.broker.replyAndGoOn(list, element, request);
  }

  async close(withinMs?: number): Promise<void> {
    this.traffic.listensNoMore(this);
    await this.broker.close(withinMs);
  }

  connect(): Promise<void> {
    return this.broker.connect();
  }

  length(queue: string): Promise<QueueLength> {
    return this.broker.length(queue);
  }

  isServed(queue: string): Promise<boolean> {
    return this.broker.isServed(queue);
  }

  servedAs(name: string): Promise<ServedAs> {
    return this.broker.servedAs(name);
  }

  stranded(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.broker.stranded(names);
  }

  declare(declaration: EventDeclaration): Promise<void> {
    return this.broker.declare(declaration);
  }

  repliesWritten(list: string, request: number): Promise<unknown> | undefined {
    return this.broker.repliesWritten(list, request);
  }

  refuseReplies(requests: readonly number[]): Promise<void> {
    return this.broker.refuseReplies(requests);
  }

  isReplyList(list: string): boolean {
    return this.broker.isReplyList(list);
  }

  receiveReplies(onReply: (element: Buffer) => void): Promise<string> {
    return this.broker.receiveReplies(onReply);
  }

  noteTerms(queue: string, terms: QueueTerms): Promise<OtherTerms | undefined> {
    return this.broker.noteTerms(queue, terms);
  }

  feed(queue: string, source: ListSource): Promise<Feed> {
    return this.broker.feed(queue, source);
  }

  nowMs(): number {
    return this.broker.nowMs();
  }
}
