import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/**
 * A network between a server and those who reach it by this port. Cut, it loses nothing and says nothing: connections
 * stay open, and what was under way arrives once it is mended, as TCP would send it again.
 */
export class Cable {
  readonly #sockets = new Set<Socket>();
  /** What happens once it is mended. */
  #held: (() => void)[] = [];
  #isCut = false;
  #targetPort = 0;

  private constructor(private readonly server: Server) {
    server.on('connection', (client) => this.#accept(client));
  }

  static async start(targetPort = 0, host = '127.0.0.1', port = 0): Promise<Cable> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    const cable = new Cable(server);
    cable.leadTo(targetPort);
    return cable;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port; // the address of a TCP server
  }

  leadTo(targetPort: number): void {
    this.#targetPort = targetPort;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  mend(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.resume();
    for (const go of this.#held.splice(0)) go();
  }

  async close(): Promise<void> {
    this.#held = [];
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #accept(client: Socket): void {
    this.#add(client);
    this.#unlessCut(() => {
      const server = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
      client.setNoDelay(true);
      this.#add(server);
      this.#pass(client, server);
      this.#pass(server, client);
    });
  }

  #add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #pass(from: Socket, to: Socket): void {
    from.on('data', (bytes) => to.write(bytes));
    from.on('close', () => this.#unlessCut(() => to.destroySoon()));
    if (this.#isCut) from.pause();
  }

  #unlessCut(act: () => void): void {
    if (this.#isCut) this.#held.push(act);
    else act();
  }
}
