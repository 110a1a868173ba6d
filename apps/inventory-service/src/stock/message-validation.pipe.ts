import { ValidationPipe, type ValidationError } from '@nestjs/common';
import { DeadLetter } from 'nestjs-redis-queue-transport';

/** Trying again makes no message valid: it goes to the dead letters at once, with the reasons. */
export function messageValidationPipe(): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    exceptionFactory: (errors) => new DeadLetter(`invalid message: ${reasons(errors).join('; ')}`),
  });
}

function reasons(errors: readonly ValidationError[]): string[] {
  return errors.flatMap(({ constraints = {}, children = [] }) => [
    ...Object.values(constraints),
    ...reasons(children),
  ]);
}
