import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

/**
 * Closes idle connections when the service stops. The HTTP server waits for each connection that it takes for busy: one
 * that a browser opened in advance, and one that had a stream, on which the page asks for the next stream again and
 * again.
 */
@Injectable()
export class IdleConnections implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #idle = new Set<Socket>();
  #isStopping = false;

  constructor(private readonly host: HttpAdapterHost) {}

  onApplicationBootstrap(): void {
    // The adapter of Express has a Node server.
    const server = this.host.httpAdapter.getHttpServer() as Server;
    server.on('connection', (socket) => {
      socket.once('close', () => this.#idle.delete(socket));
      this.#rest(socket);
    });
    server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.#idle.delete(socket);
      response.once('close', () => this.#rest(socket));
    });
  }

  /** Runs after messages and streams have ended, right before the HTTP server closes. */
  beforeApplicationShutdown(): void {
    this.#isStopping = true;
    for (const socket of this.#idle) socket.destroy();
  }

  #rest(socket: Socket): void {
    if (this.#isStopping) socket.destroy();
    else if (!socket.destroyed) this.#idle.add(socket);
  }
}
