import type { IncomingMessage } from 'node:http';
import { BadRequestException, createParamDecorator, ParseUUIDPipe } from '@nestjs/common';

const fromHeader = createParamDecorator(
  (_, context) => context.switchToHttp().getRequest<IncomingMessage>().headers['idempotency-key'],
);

/** What the customer says once for each order, so that the same order can be posted twice; `undefined` without it. */
export function IdempotencyKey(): ParameterDecorator {
  return fromHeader(
    new ParseUUIDPipe({
      optional: true,
      exceptionFactory: () => new BadRequestException('Idempotency-Key must be a UUID'),
    }),
  );
}
