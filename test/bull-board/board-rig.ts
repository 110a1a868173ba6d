import { createBullBoard } from '@bull-board/api';
import type { BaseAdapter } from '@bull-board/api/baseAdapter';
import type { BoardOptions, IServerAdapter } from '@bull-board/api/typings/app';
import { ExpressAdapter } from '@bull-board/express';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestRig } from '../support/nest-rig.js';

/** The answer of a board to a request. The tests check its fields. */
export interface BoardAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A board of bull-board behind HTTP, which checks its answers against its schemas. */
export class Board {
  private constructor(readonly url: string) {}

  static async open(
    rig: NestRig,
    queues: readonly BaseAdapter[],
    options: BoardOptions = {},
  ): Promise<Board> {
    const serverAdapter = new ExpressAdapter();
    serverAdapter.setBasePath('/queues');
    createBullBoard({
      queues: [...queues],
      // It pins another patch release of the same interface.
      serverAdapter: serverAdapter as unknown as IServerAdapter,
      options: { validateResponses: true, ...options },
    });
    const app = (await rig.application({})) as NestExpressApplication; // Nest's default
    app.use('/queues', serverAdapter.getRouter());
    await app.listen(0, '127.0.0.1');
    return new Board(`${await app.getUrl()}/queues`);
  }

  get(path: string): Promise<BoardAnswer> {
    return this.#ask('GET', path);
  }

  put(path: string, body?: unknown): Promise<BoardAnswer> {
    return this.#ask('PUT', path, body);
  }

  ask(method: string, path: string, body?: unknown): Promise<BoardAnswer> {
    return this.#ask(method, path, body);
  }

  /** A queue as the overview lists it, with a page of one of its lists. */
  async queue(name: string, query: Record<string, string> = {}): Promise<QueueOfBoard> {
    const search = new URLSearchParams({ activeQueue: name, ...query });
    const { status, body } = await this.get(`queues?${search.toString()}`);
    if (status !== 200) throw new Error(JSON.stringify(body));
    const { queues } = body as unknown as { queues: QueueOfBoard[] }; // as its schema says
    const found = queues.find((queue) => queue.name === name);
    if (found === undefined) throw new Error(`There is no queue ${name}.`);
    return found;
  }

  async #ask(method: string, path: string, body?: unknown): Promise<BoardAnswer> {
    const response = await fetch(`${this.url}/api/${path}`, {
      method,
      headers: { 'content-type': 'application/json', connection: 'close' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  }
}

export interface JobOfBoard {
  readonly id: string;
  readonly name: string;
  readonly data: unknown;
  readonly opts: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

export interface QueueOfBoard {
  readonly name: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly jobs: readonly JobOfBoard[];
  readonly pagination: unknown;
  readonly isPaused: boolean;
  readonly hasWorkers: boolean | null;
  readonly [field: string]: unknown;
}
