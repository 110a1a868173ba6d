import type { INestApplication, INestApplicationContext, InjectionToken } from '@nestjs/common';
import { lastValueFrom } from 'rxjs';
import { MessageReader } from '../core/admin/message-reader.js';
import { BodyFormat } from '../core/body/body.js';
import { RedisQueueAdmin, jsonCodec } from '../index.js';
import type {
  Codec,
  ConnectionOption,
  EmitResult,
  EnqueueResult,
  RedisQueueEmitOptions,
  RedisQueueEnqueueOptions,
  RedisQueueSendOptions,
  RedisQueueServerOptions,
  RedisQueueClient,
} from '../index.js';
import type { RedisQueueTestAppOptions } from './app/app-options.js';
import { boot } from './app/boot.js';
import { RedisQueueTestApp } from './app/test-app.js';
import { TestKitError } from './errors/test-kit-error.js';
import { FaultInterceptor } from './faults/fault.interceptor.js';
import { Faults } from './faults/faults.js';
import { Journal } from './journal/journal.js';
import type { Records } from './journal/records.js';
import type {
  DeadLetteredMessage,
  FailedMessage,
  HandledMessage,
  RetriedMessage,
  SentMessage,
} from './journal/recorded.js';
import { Views } from './journal/views.js';
import { serveFakes } from './peers/fake-service.js';
import type { FakeHandler } from './peers/fake-service.js';
import { KitClient } from './peers/kit-client.js';
import { OtherSide } from './peers/other-side.js';
import { MemoryStore } from './memory-store.js';
import { KitPlace } from './place/kit-place.js';
import { settled } from './settled/settling.js';
import type { SettledOptions } from './settled/settling.js';
import { Survey } from './settled/survey.js';

/** A kit, and its first app, if there is anything of one. */
export interface RedisQueueTestKitOptions extends RedisQueueTestAppOptions {
  /** Where messages are held, as everywhere: a Redis, or a store that stands in for one. Default: a new `MemoryStore`. */
  readonly connection?: ConnectionOption | undefined;
  /** Codecs of the apps other than JSON and raw bytes, to read what was sent. Default none. */
  readonly codecs?: readonly Codec[] | undefined;
}

const MIB = 1_048_576;

/**
 * Runs apps in a test, apart from everything else that uses the same Redis: sends to them, waits until all is settled,
 * tells what happened, and lets handlers fail. Every `RedisQueueModule` of an app uses the kit's connection and prefix.
 */
export class RedisQueueTestKit {
  /** As any client: for everything that {@link send}, {@link emit} and {@link enqueue} do not offer. */
  readonly client: RedisQueueClient;
  /** To look into queues, and to change them. */
  readonly admin: RedisQueueAdmin;
  readonly #nameOf: (pattern: unknown) => string;
  readonly #place: KitPlace;
  readonly #journal = new Journal();
  readonly #faults = new Faults();
  readonly #survey: Survey;
  readonly #views: Views;
  readonly #apps: RedisQueueTestApp[] = [];
  /** Closed at the end, the latest first. */
  readonly #open: { close(): unknown }[] = [];
  #closing: Promise<void> | undefined;

  private constructor({ connection = new MemoryStore(), codecs = [] }: RedisQueueTestKitOptions) {
    this.#place = new KitPlace(connection);
    const place = this.#placeOf('test', this.#place.source());
    const client = new KitClient({ ...place, codecs });
    this.client = client;
    this.#nameOf = (pattern) => client.nameOf(pattern);
    this.admin = new RedisQueueAdmin({ ...place, codecs });
    this.#survey = new Survey(this.admin, this.#journal, this.#place.traffic);
    const format = new BodyFormat({
      codec: jsonCodec,
      codecs,
      maxPayloadBytes: 512 * MIB,
      compressAboveBytes: false,
    });
    // Elements are read before their bodies are parked.
    const reader = new MessageReader({ parkedBodies: () => Promise.resolve(new Map()) }, format);
    this.#views = new Views(this.#journal, this.#place.traffic, reader);
  }

  /** Starts a kit, with an app if the options have anything of one. Close it at the end of the test. */
  static async start(options: RedisQueueTestKitOptions = {}): Promise<RedisQueueTestKit> {
    const { connection: _connection, codecs: _codecs, ...app } = options;
    const kit = new RedisQueueTestKit(options);
    try {
      await kit.client.connect();
      if (Object.keys(app).length > 0) await kit.add(app);
      return kit;
    } catch (error) {
      await kit.close();
      throw error;
    }
  }

  /** Starts another app beside those that run. */
  async add(options: RedisQueueTestAppOptions): Promise<RedisQueueTestApp> {
    const number = this.#apps.length + 1;
    const { name = number === 1 ? 'app' : `app${number}` } = options;
    const source = this.#place.source();
    const crash = (): void => {
      this.#journal.crashed(name);
      source.crash();
    };
    const interceptor = new FaultInterceptor(this.#journal, this.#faults, crash);
    const place = this.#placeOf(name, source);
    const nest = await boot(options, { name, place, interceptor });
    const app = new RedisQueueTestApp(name, nest, crash);
    this.#apps.push(app);
    this.#open.push(app);
    return app;
  }

  /** The options by which a server or a client that an app makes itself, without `RedisQueueModule`, joins the kit. */
  place(
    name = 'app',
  ): Required<Pick<RedisQueueServerOptions, 'connection' | 'prefix' | 'observers'>> {
    return this.#placeOf(name, this.#place.source());
  }

  #placeOf(
    name: string,
    connection: ConnectionOption,
  ): Required<Pick<RedisQueueServerOptions, 'connection' | 'prefix' | 'observers'>> {
    const { prefix } = this.#place;
    return { connection, prefix, observers: [this.#journal.observerOf(name)] };
  }

  /** The first app. @throws TestKitError if the kit was started without one */
  get app(): INestApplicationContext {
    return this.#first.app;
  }

  /** The first app, if it speaks HTTP. @throws TestKitError without the option `http` */
  get httpApp(): INestApplication {
    return this.#first.httpApp;
  }

  /** A provider of the first app. */
  get<T>(token: InjectionToken<T>): T {
    return this.#first.get(token);
  }

  get #first(): RedisQueueTestApp {
    const [first] = this.#apps;
    if (first !== undefined) return first;
    throw new TestKitError(
      'The kit has no app: give start() its imports or controllers, or add() one.',
    );
  }

  /** Sends a request, and resolves with the last reply. `client.send` is the Observable of all replies. */
  send<TResult = unknown>(
    pattern: unknown,
    data: unknown,
    options?: RedisQueueSendOptions,
  ): Promise<TResult> {
    const none = { defaultValue: undefined as TResult };
    return lastValueFrom(this.client.send<TResult>(pattern, data, options), none);
  }

  /** Emits an event, and resolves when Redis holds the copies of all groups. */
  async emit(
    pattern: unknown,
    data: unknown,
    options?: RedisQueueEmitOptions,
  ): Promise<EmitResult> {
    return this.client.emit(pattern, data, options);
  }

  /** Enqueues a message, and resolves when Redis holds it. */
  async enqueue(
    pattern: unknown,
    data: unknown,
    options?: RedisQueueEnqueueOptions,
  ): Promise<EnqueueResult> {
    return this.client.enqueue(pattern, data, options);
  }

  /**
   * Resolves when everything is settled that was sent so far, and everything that followed from it: no handler runs, and
   * nothing waits, is delayed, or is on its way. Messages to queues that nobody serves are left out.
   * @throws NotSettledError after `withinMs`, which says what is left and why
   */
  settled(options?: SettledOptions): Promise<void> {
    return settled(this.#survey, this.#journal, options);
  }

  /** Makes delayed messages and retries due now: those of one queue, or all. Returns how many. */
  advance(pattern?: unknown): Promise<number> {
    return this.#survey.advance(pattern === undefined ? undefined : [this.#nameOf(pattern)]);
  }

  /** Requests and messages of this pattern that anybody has sent. */
  sent<TData = unknown>(pattern: unknown): Records<SentMessage<TData>> {
    return this.#views.sent(this.#nameOf(pattern));
  }

  /** Events of this pattern that anybody has emitted, whether or not anybody listens. */
  emitted<TData = unknown>(pattern: unknown): Records<SentMessage<TData>> {
    return this.#views.emitted(this.#nameOf(pattern));
  }

  /** Messages and events of this pattern whose handlers succeeded. */
  handled<TData = unknown, TResult = unknown>(
    pattern: unknown,
  ): Records<HandledMessage<TData, TResult>> {
    return this.#views.handled(this.#nameOf(pattern));
  }

  /** Attempts that failed, whatever became of the message. */
  failed<TData = unknown>(pattern: unknown): Records<FailedMessage<TData>> {
    return this.#views.failed(this.#nameOf(pattern));
  }

  /** Messages that run again after a failure, or because their handler asked for it. */
  retried<TData = unknown>(pattern: unknown): Records<RetriedMessage<TData>> {
    return this.#views.retried(this.#nameOf(pattern));
  }

  deadLettered<TData = unknown>(pattern: unknown): Records<DeadLetteredMessage<TData>> {
    return this.#views.deadLettered(this.#nameOf(pattern));
  }

  /** Everything that happened, in its order, for people. */
  get story(): string {
    return String(this.#journal.story);
  }

  /** Lets the next handling of this pattern fail with the error, instead of calling the handler. Call it again for more. */
  failNext(pattern: unknown, error: unknown = new Error('Made to fail by failNext().')): void {
    this.#faults.add(this.#nameOf(pattern), { kind: 'fail', error });
  }

  /** Lets the next handling of this pattern hang before its handler is called, until you call what this returns. */
  hangNext(pattern: unknown): () => void {
    return this.#faults.hang(this.#nameOf(pattern));
  }

  /**
   * Lets the process crash in the next handling of this pattern: by default `after` the handler has done its work and before
   * Redis knows, or `before` it begins. The app's servers lose all leases and take new ones, as after a restart, and the
   * message is handed out again.
   */
  crashNext(
    pattern: unknown,
    { when = 'after' }: { readonly when?: 'before' | 'after' } = {},
  ): void {
    this.#faults.add(this.#nameOf(pattern), { kind: 'crash', when });
  }

  /** Serves patterns in place of another service: each with a function of the data, whose result is the reply. */
  async fake(handlers: Readonly<Record<string, FakeHandler>>, name = 'fake'): Promise<void> {
    this.#open.push(await serveFakes(this.place(name), Object.entries(handlers)));
  }

  /** Lets the test answer the requests of a pattern itself, one by one. */
  async otherSideOf<TData = unknown, TReply = unknown>(
    pattern: unknown,
  ): Promise<OtherSide<TData, TReply>> {
    const name = this.#nameOf(pattern);
    const side = new OtherSide<TData, TReply>(name, () => this.story);
    this.#open.push(await serveFakes(this.place('test'), [[name, side.handle]]));
    this.#open.push(side);
    return side;
  }

  /** Stops all apps in order, and removes everything that the kit has in Redis. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#faults.end();
    const failures: unknown[] = [];
    const all = [this.#place, this.client, this.admin, ...this.#open];
    for (const closable of all.reverse()) {
      try {
        await closable.close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** For `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
