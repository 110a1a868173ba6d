import { Catch, HttpException, HttpStatus } from '@nestjs/common';
import type { ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { throwError } from 'rxjs';
import { RedisQueueError } from '../../core/errors/redis-queue-error.js';
import type { RedisQueueErrorCode } from '../../core/errors/redis-queue-error.js';

/** The errors that are not mistakes of the program. All others stay 500. */
const STATUS: Partial<Record<RedisQueueErrorCode, HttpStatus>> = {
  REQUEST_TIMEOUT: HttpStatus.GATEWAY_TIMEOUT,
  OUTCOME_UNKNOWN: HttpStatus.GATEWAY_TIMEOUT,
  NO_HANDLER: HttpStatus.BAD_GATEWAY,
  REDIS_UNAVAILABLE: HttpStatus.SERVICE_UNAVAILABLE,
  REDIS_REFUSED: HttpStatus.SERVICE_UNAVAILABLE,
  CLIENT_CLOSED: HttpStatus.SERVICE_UNAVAILABLE,
  SENDER_FULL: HttpStatus.SERVICE_UNAVAILABLE,
  QUEUE_FULL: HttpStatus.SERVICE_UNAVAILABLE,
  PAYLOAD_TOO_LARGE: HttpStatus.PAYLOAD_TOO_LARGE,
};

/**
 * Responds to HTTP requests whose handlers failed with an error of this library: 504 for a request that timed out, 503
 * for an unavailable Redis. Without it, Nest responds with 500 to all of them. The body has the error's `code` and no
 * details.
 *
 * `providers: [{ provide: APP_FILTER, useClass: RedisQueueHttpFilter }]`, or
 * `app.useGlobalFilters(new RedisQueueHttpFilter(app.getHttpAdapter()))`.
 */
@Catch(RedisQueueError)
export class RedisQueueHttpFilter extends BaseExceptionFilter<RedisQueueError> {
  override catch(error: RedisQueueError, host: ArgumentsHost): unknown {
    // In a hybrid app, global filters may also get errors of message handlers, which decide outcomes.
    if (host.getType() !== 'http') return throwError(() => error);
    const status = STATUS[error.code];
    if (status === undefined) return super.catch(error, host);
    const body = { statusCode: status, message: HttpStatus[status], code: error.code };
    return super.catch(new HttpException(body, status, { cause: error }) as never, host); // Nest's base takes any exception
  }
}
