import type { IncomingMessage } from 'node:http';
import { BadRequestException, createParamDecorator, ParseUUIDPipe } from '@nestjs/common';

const fromHeader = createParamDecorator(
  (_, context) => context.switchToHttp().getRequest<IncomingMessage>().headers['idempotency-key'],
);

/** The key that a customer makes for each order, so that it can be posted twice; `undefined` without one. */
export function IdempotencyKey(): ParameterDecorator {
  return fromHeader(
    new ParseUUIDPipe({
      optional: true,
      exceptionFactory: () => new BadRequestException('Idempotency-Key must be a UUID'),
    }),
  );
}
