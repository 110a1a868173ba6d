import {
  BadGatewayException,
  HttpException,
  Injectable,
  NotFoundException,
  ServiceUnavailableException,
} from '@nestjs/common';
import type { ProcessRow } from '../../browser/live-view.js';
import { OrderConfig } from '../config/order-config.js';

/** A replica takes a while to start. */
const ANSWER_WITHIN_MS = 60_000;

/** The demo program, which starts and kills the processes of the shop. It exists only in the demo. */
@Injectable()
export class Supervisor {
  readonly #url: URL | undefined;

  constructor({ supervisorUrl }: OrderConfig) {
    this.#url = supervisorUrl;
  }

  get isThere(): boolean {
    return this.#url !== undefined;
  }

  /** Undefined outside of the demo. */
  async processes(): Promise<readonly ProcessRow[] | undefined> {
    if (!this.isThere) return undefined;
    // This service trusts the program that started it.
    return (await this.#ask('GET', 'processes')) as readonly ProcessRow[];
  }

  /** Resolves when the replica is ready. */
  async start(service: ProcessRow['service']): Promise<void> {
    await this.#ask('POST', `processes/${service}`);
  }

  /** SIGKILL. Resolves when the process is gone. */
  async kill(pid: number): Promise<void> {
    await this.#ask('DELETE', `processes/${pid}`);
  }

  /** Puts a message on a queue that no handler can process. */
  async poison(): Promise<void> {
    await this.#ask('POST', 'poison');
  }

  async #ask(method: string, path: string): Promise<unknown> {
    if (this.#url === undefined) throw new NotFoundException('only the demo has a supervisor');
    const response = await this.#fetch(new URL(path, this.#url), method);
    const answer: unknown = await response.json();
    if (response.ok) return answer;
    const { message = 'the demo program gave no reason' } = answer as { message?: string };
    throw response.status < 500
      ? new HttpException(message, response.status)
      : new BadGatewayException(message);
  }

  async #fetch(url: URL, method: string): Promise<Response> {
    try {
      return await fetch(url, { method, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    } catch (cause) {
      throw new ServiceUnavailableException('the demo program does not answer', { cause });
    }
  }
}
