import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Refuses a request, with the HTTP status of the response. */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Handles one request, such as `POST poison` or `DELETE processes/4711`. The response is what it resolves with, as
 * JSON.
 */
export type Obey = (method: string, path: readonly string[]) => Promise<unknown>;

/**
 * Receives from order-service what the buttons of its page ask for. It listens on this machine only, at an address that
 * nobody can guess.
 */
export class Supervisor {
  readonly #server: Server;
  readonly #secret = randomBytes(16).toString('hex');

  constructor(private readonly obey: Obey) {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** The address, with the secret in it. Ends with a slash. */
  get url(): string {
    // It listens on a port, not on a pipe.
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/${this.#secret}/`;
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    let status = 200;
    let body: unknown;
    try {
      const [, secret, ...path] = url.split('/');
      if (secret !== this.#secret) throw new Refusal(404, 'there is nothing here');
      body = (await this.obey(method, path)) ?? {};
    } catch (error) {
      status = error instanceof Refusal ? error.status : 500;
      body = { message: error instanceof Error ? error.message : String(error) };
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }
}
