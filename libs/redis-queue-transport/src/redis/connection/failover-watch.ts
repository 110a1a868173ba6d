import { Redis } from 'ioredis';
import type { RedisOptions, SentinelAddress } from 'ioredis';
import { homeContext } from '../../core/process/own-context.js';
import { addressText } from '../sentinels/known-sentinels.js';
import type { KnownSentinels } from '../sentinels/known-sentinels.js';
import { readJoined, readOthers } from '../sentinels/sentinel-news.js';
import { optionsOfSentinel, placeFromHere } from '../sentinels/sentinel-options.js';
import { SilenceWatch } from './silence-watch.js';

const SWITCHED = '+switch-master';
const JOINED = '+sentinel';

/** Most Sentinels that one process listens to. */
const MOST_SENTINELS = 5;
/** A dead connection to a Sentinel looks like a quiet one, so it gets a PING now and then. */
const CHECK_EVERY_MS = 5_000;
const REPLY_WITHIN_MS = 2_000;
const LONGEST_RECONNECT_PAUSE_MS = 5_000;

/**
 * Learns from the Sentinels that another Redis is the primary. A primary that was stopped, or is cut off from them, may
 * leave the connections to it open, and they would be noticed as dead only much later.
 *
 * It listens to each Sentinel, since any of them may be cut off itself. After each reconnect it also asks, as it may have
 * missed something. In place of one that is away it listens to another one that it has learnt of. Failures are not
 * reported: connections find out by themselves, only later.
 */
export class FailoverWatch {
  readonly #home = homeContext();
  readonly #given = new Map<string, Redis>();
  /** Those that it has learnt of. */
  readonly #further = new Map<string, Redis>();
  #checks: NodeJS.Timeout | undefined;
  #primary: string | undefined;

  constructor(
    /** Of a connection that Sentinels lead to. */
    private readonly options: RedisOptions,
    private readonly known: KnownSentinels,
    private readonly connectionName: string,
    /** Gets the address of the primary, perhaps more than once. */
    private readonly onPrimary: (address: string) => void,
  ) {}

  /** May be called again, without effect. */
  start(): void {
    if (this.#checks !== undefined) return;
    this.#home.runInAsyncScope(() => {
      const { sentinels } = this.options;
      for (const sentinel of sentinels?.slice(0, MOST_SENTINELS) ?? [])
        this.#given.set(addressText(sentinel), this.#listenTo(sentinel));
      this.#checks = setInterval(() => this.#check(), CHECK_EVERY_MS);
      this.#checks.unref();
    });
  }

  stop(): void {
    clearInterval(this.#checks);
    for (const sentinel of this.#all) sentinel.disconnect();
  }

  #listenTo(address: Partial<SentinelAddress>): Redis {
    const { connectTimeout } = this.options;
    const sentinel = new Redis({
      ...optionsOfSentinel(address, this.options),
      ...(connectTimeout === undefined ? {} : { connectTimeout }),
      connectionName: this.connectionName,
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      disconnectTimeout: 100,
      replyMapping: 'legacy',
      retryStrategy: (times) =>
        Math.min(100 * 2 ** Math.min(times, 10), LONGEST_RECONNECT_PAUSE_MS),
    });
    new SilenceWatch(sentinel, REPLY_WITHIN_MS);
    sentinel.on('error', noop);
    sentinel.on('ready', () => this.#listen(sentinel));
    sentinel.on('message', (channel, news) => {
      if (channel === SWITCHED) this.#hear(news);
      else this.#learn([readJoined(news, this.options.name)]);
    });
    return sentinel;
  }

  #listen(sentinel: Redis): void {
    const { name = '' } = this.options;
    // In this order, since a connection that subscribes may take no other commands.
    sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name ?? '').then((reply) => {
      if (!Array.isArray(reply)) return;
      const address = this.#addressOf(String(reply[0]), String(reply[1]));
      const isNews = this.#primary !== undefined && this.#primary !== address;
      this.#primary = address;
      if (isNews) this.onPrimary(address);
    }, noop);
    sentinel.call('SENTINEL', 'SENTINELS', name ?? '').then((reply) => {
      this.#learn(readOthers(reply));
    }, noop);
    sentinel.subscribe(SWITCHED, JOINED).catch(noop);
  }

  /** "name old-host old-port new-host new-port" */
  #hear(news: string): void {
    const [name, , , host = '', port = ''] = news.split(' ');
    if (name !== this.options.name) return;
    this.#primary = this.#addressOf(host, port);
    this.onPrimary(this.#primary);
  }

  #learn(sentinels: readonly (SentinelAddress | undefined)[]): void {
    if (this.options.updateSentinels === false) return;
    for (const sentinel of sentinels) {
      if (sentinel === undefined) continue;
      this.known.learn(placeFromHere(this.options, sentinel.host, sentinel.port));
    }
  }

  #addressOf(host: string, port: string): string {
    return addressText(placeFromHere(this.options, host, Number(port)));
  }

  get #all(): readonly Redis[] {
    return [...this.#given.values(), ...this.#further.values()];
  }

  #check(): void {
    for (const sentinel of this.#all) sentinel.ping().catch(noop);
    const away = [...this.#given.values()].filter((sentinel) => !isReady(sentinel)).length;
    const dropped = new Set<string>();
    for (const [address, sentinel] of this.#further) {
      if (isReady(sentinel) && this.#further.size <= away) continue;
      sentinel.disconnect();
      this.#further.delete(address);
      dropped.add(address);
    }
    this.#home.runInAsyncScope(() => this.#listenToFurther(away, dropped));
  }

  /** @param most of them, besides `unwanted` */
  #listenToFurther(most: number, unwanted: ReadonlySet<string>): void {
    const heard = new Set([...unwanted, ...this.#given.keys(), ...this.#further.keys()]);
    for (const { stream } of this.#all.filter(isReady))
      heard.add(`${stream.remoteAddress}:${stream.remotePort}`);
    for (const sentinel of this.known.learnt.toReversed()) {
      if (this.#further.size >= most) return;
      const address = addressText(sentinel);
      if (!heard.has(address)) this.#further.set(address, this.#listenTo(sentinel));
    }
  }
}

function isReady({ status }: Redis): boolean {
  return status === 'ready';
}

const noop = (): void => undefined;
