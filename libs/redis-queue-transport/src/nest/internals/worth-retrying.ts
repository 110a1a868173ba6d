import { HttpException } from '@nestjs/common';
import { FORBIDDEN_MESSAGE } from '@nestjs/core/guards/constants.js';
import { RpcException } from '@nestjs/microservices';

/** Client errors that may not occur again: timeout, too early, too many requests. */
const PASSING = new Set([408, 425, 429]);

/**
 * The default of `retry.if`: false for errors that another attempt cannot fix. These are an `HttpException` with a 4xx
 * status (a failed `ValidationPipe`, a `ForbiddenException`) other than 408, 425 and 429, and the refusal of a guard. True
 * for all others.
 */
export function isWorthRetrying(error: unknown): boolean {
  if (error instanceof RpcException) return error.message !== FORBIDDEN_MESSAGE;
  if (!(error instanceof HttpException)) return true;
  const status = error.getStatus();
  return status < 400 || status >= 500 || PASSING.has(status);
}
