import {
  Injectable,
  Logger,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { RedisQueueContext } from 'nestjs-redis-queue-transport';
import type { Observable } from 'rxjs';
import { StockRepository } from './stock.repository.js';

/** Counts messages that another process had started, which is gone. */
@Injectable()
export class RedeliveryInterceptor implements NestInterceptor {
  readonly #logger = new Logger(RedeliveryInterceptor.name);

  constructor(private readonly stock: StockRepository) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const message = context.switchToRpc().getContext<RedisQueueContext>();
    const attempt = message.getAttempt();
    if (attempt > 1) {
      // Only messages of programs without this library have no id.
      const id = message.getMessageId() ?? 'no id';
      this.#logger.warn(
        `message ${id} of ${message.getPattern()} is delivered again: attempt ${attempt}`,
      );
      await this.stock.countRedelivery(id);
    }
    return next.handle();
  }
}
