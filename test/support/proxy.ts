import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Gate } from './gate.js';
import { ProxyLink } from './proxy-link.js';
import type { FaultKind, LinkRules, ProxyCounts } from './proxy-link.js';

/** Whether a command matches: gets its words, and the name that its connection has. */
export type Match = (words: readonly string[], connection: string) => boolean;

/** A fault that waits for the next command that matches. */
export interface PendingFault {
  /** Resolves when it has happened. */
  readonly happened: Promise<void>;
}

/** A frame that the proxy holds back. */
export interface HeldFrame extends PendingFault {
  /** Lets it pass, even if the client has gone away meanwhile. */
  release(): void;
}

interface Fault {
  readonly kind: FaultKind;
  readonly match: Match;
  readonly happened: Gate;
  readonly released: Gate;
}

/** A TCP proxy in front of a Redis that breaks what a test tells it to break. */
export class Proxy implements LinkRules {
  readonly counts: ProxyCounts = {
    connections: 0,
    refused: 0,
    requests: 0,
    replies: 0,
    swallowed: 0,
    cut: 0,
  };
  readonly #links = new Set<ProxyLink>();
  #faults: Fault[] = [];
  #delayMs = 0;
  #refuses = false;

  private constructor(
    private readonly server: Server,
    private targetPort: number,
  ) {
    server.on('connection', (client) => this.#accept(client));
  }

  static async start(targetPort: number): Promise<Proxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Proxy(server, targetPort);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port; // the address of a TCP server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Swallows the next command that matches, and cuts its connection. */
  dropRequest(match: Match): PendingFault {
    return this.#arm('dropRequest', match);
  }

  /** Lets the next command that matches be executed, swallows its reply, and cuts the connection. */
  dropReply(match: Match): PendingFault {
    return this.#arm('dropReply', match);
  }

  /** Passes half of the reply to the next command that matches, and cuts the connection. */
  cutReply(match: Match): PendingFault {
    return this.#arm('cutReply', match);
  }

  /** Holds back the next command that matches, and what follows it on that connection. */
  holdRequest(match: Match): HeldFrame {
    return this.#arm('holdRequest', match);
  }

  /** Holds back the reply to the next command that matches, and what follows it on that connection. */
  holdReply(match: Match): HeldFrame {
    return this.#arm('holdReply', match);
  }

  /** From now on these connections are half-open: they stay, and nothing passes. New ones are not affected. */
  goSilent(isMeant: (connection: string) => boolean = () => true): number {
    const meant = [...this.#links].filter((link) => link.isOpen && isMeant(link.name));
    for (const link of meant) link.goSilent();
    return meant.length;
  }

  /** Stops reading what Redis sends on these connections, like a client that is too slow. Returns how to go on. */
  stopReading(isMeant: (connection: string) => boolean): { readonly links: number; goOn(): void } {
    const meant = [...this.#links].filter((link) => link.isOpen && isMeant(link.name));
    for (const link of meant) link.stopReading();
    return { links: meant.length, goOn: () => meant.forEach((link) => link.goOnReading()) };
  }

  /** From now on each frame is delayed by this much, in either direction. */
  slowDown(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Cuts every connection, or those that match. */
  cut(isMeant: (connection: string) => boolean = () => true): void {
    for (const link of this.#links) if (isMeant(link.name)) link.cut();
  }

  /** Refuses new connections, or accepts them again. */
  refuse(refuses: boolean): void {
    this.#refuses = refuses;
  }

  /** From now on, new connections lead there, as if a name had got another address. */
  leadTo(port: number): void {
    this.targetPort = port;
  }

  /** The names of the open connections. */
  get connections(): string[] {
    return [...this.#links].filter((link) => link.isOpen).map((link) => link.name);
  }

  async close(): Promise<void> {
    for (const fault of this.#faults) fault.released.open();
    for (const link of this.#links) link.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  get delayMs(): number {
    return this.#delayMs;
  }

  /** Takes the fault that waits for this command. */
  takeFault(words: readonly string[], connection: string): Fault | undefined {
    const fault = this.#faults.find(({ match }) => match(words, connection));
    if (fault !== undefined) this.#faults = this.#faults.filter((other) => other !== fault);
    return fault;
  }

  closed(link: ProxyLink): void {
    this.#links.delete(link);
  }

  #arm(kind: FaultKind, match: Match): HeldFrame {
    const fault: Fault = { kind, match, happened: new Gate(), released: new Gate() };
    this.#faults.push(fault);
    return { happened: fault.happened.opened, release: () => fault.released.open() };
  }

  #accept(client: Socket): void {
    if (this.#refuses) {
      this.counts.refused += 1;
      client.destroy();
      return;
    }
    this.counts.connections += 1;
    this.#links.add(new ProxyLink(client, this.targetPort, this));
  }
}
