import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { concat, defer, from, ignoreElements, tap, throwError } from 'rxjs';
import type { Observable } from 'rxjs';
import { RedisQueueBatchContext } from '../../index.js';
import type { Handling } from '../journal/handling.js';
import type { Journal } from '../journal/journal.js';
import type { Fault, Faults } from './faults.js';

/** How a handler ends whose process died. Nest's filters pass it on as it is, and log nothing. */
class SimulatedCrash extends RpcException {
  override readonly name = 'SimulatedCrash';

  override getError(): this {
    return this;
  }
}

/** Stands in front of every handler of an app: writes down data and results, and lets faults happen. */
export class FaultInterceptor implements NestInterceptor {
  constructor(
    private readonly journal: Journal,
    private readonly faults: Faults,
    private readonly crash: () => void,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const handlings = context.getType() === 'rpc' ? this.journal.current : [];
    const [first] = handlings;
    // It is of another transport, or no message at all.
    if (first === undefined) return next.handle();
    noteData(handlings, context.switchToRpc());
    const noted = next.handle().pipe(tap((result) => noteResult(handlings, result)));
    const fault = this.faults.take(first);
    return fault === undefined ? noted : this.#meet(fault, handlings, noted);
  }

  #meet(
    fault: Fault,
    handlings: readonly Handling[],
    handled: Observable<unknown>,
  ): Observable<unknown> {
    for (const handling of handlings) handling.fault = textOf(fault);
    switch (fault.kind) {
      case 'fail':
        return throwError(() => fault.error);
      case 'hang':
        return concat(from(fault.until).pipe(ignoreElements()), handled);
      case 'crash': {
        const dies = defer(() => {
          this.crash();
          return throwError(() => new SimulatedCrash('The process died (crashNext).'));
        });
        return fault.when === 'before' ? dies : concat(handled.pipe(ignoreElements()), dies);
      }
    }
  }
}

/** A batch gets an array, with one for each of its messages. */
function noteData(
  handlings: readonly Handling[],
  host: ReturnType<ExecutionContext['switchToRpc']>,
): void {
  const data: unknown = host.getData();
  const isBatch = Array.isArray(data) && host.getContext() instanceof RedisQueueBatchContext;
  handlings.forEach((handling, index) => {
    handling.data = isBatch ? data[index] : data;
  });
}

function noteResult(handlings: readonly Handling[], result: unknown): void {
  for (const { results } of handlings) results.push(result);
}

function textOf(fault: Fault): string {
  switch (fault.kind) {
    case 'fail':
      return 'made to fail by failNext';
    case 'hang':
      return 'made to hang by hangNext';
    case 'crash':
      return `made to crash by crashNext, ${fault.when} its handler`;
  }
}
