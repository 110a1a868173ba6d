import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** At most this much: a longer delay is not the network's. */
const MOST_LATE_MS = 1_000;

/** A TCP proxy that passes this many bytes per second on each connection, in either direction, whatever they are. */
export class SlowNetwork {
  /** Infinity for as fast as possible. */
  bytesPerSecond = Infinity;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isStalled = false;

  private constructor(
    private readonly server: Server,
    private readonly targetPort: number,
  ) {
    server.on('connection', (client) => this.#join(client));
  }

  static async start(targetPort: number): Promise<SlowNetwork> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new SlowNetwork(server, targetPort);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port; // the address of a TCP server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** From now on, nothing passes and nothing is read on the connections that are open. */
  stall(): void {
    this.#isStalled = true;
    for (const socket of this.#sockets) socket.pause();
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #join(client: Socket): void {
    const redis = connect({ port: this.targetPort, host: '127.0.0.1', noDelay: true });
    this.#pass(client, redis);
    this.#pass(redis, client);
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    let restedUntil = 0;
    from.on('data', (bytes) => {
      to.write(bytes);
      if (this.bytesPerSecond === Infinity) return;
      const now = performance.now();
      // Makes up for a late timer.
      const since = Math.max(restedUntil, now - MOST_LATE_MS);
      restedUntil = since + (bytes.length / this.bytesPerSecond) * 1_000;
      if (restedUntil > now) this.#rest(from, restedUntil - now);
    });
    from.on('error', () => undefined); // 'close' follows
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }

  /** It does not read on, so that the sender has to wait. */
  #rest(from: Socket, ms: number): void {
    from.pause();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#isStalled) from.resume();
    }, ms);
    this.#timers.add(timer);
  }
}
