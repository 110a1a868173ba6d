import { describe, expect, test } from '@jest/globals';
import {
  Catch,
  Controller,
  Injectable,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import type {
  ArgumentMetadata,
  ArgumentsHost,
  CallHandler,
  CanActivate,
  ExecutionContext,
  INestMicroservice,
  NestInterceptor,
  PipeTransform,
  RpcExceptionFilter,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { IsInt, IsString, Min } from 'class-validator';
import { RedisQueueContext } from 'nestjs-redis-queue-transport';
import { from, lastValueFrom, throwError } from 'rxjs';
import type { Observable } from 'rxjs';
import { map, tap, toArray } from 'rxjs/operators';
import { eventually } from '../../support/eventually.js';
import { nestRig } from '../../support/nest-rig.js';

const rig = nestRig();

/** What ran, in order. */
let trace: string[] = [];

class TracingGuard implements CanActivate {
  constructor(private readonly name: string) {}

  canActivate(context: ExecutionContext): boolean {
    const rpc = context.switchToRpc();
    const pattern = rpc.getContext<RedisQueueContext>().getPattern();
    trace.push(`${this.name} guard of ${context.getType()} ${pattern}`);
    return true;
  }
}

class TracingInterceptor implements NestInterceptor {
  constructor(private readonly name: string) {}

  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    trace.push(`${this.name} interceptor before`);
    return next.handle().pipe(tap(() => trace.push(`${this.name} interceptor after`)));
  }
}

class TracingPipe implements PipeTransform {
  constructor(private readonly name: string) {}

  transform(value: unknown, { type }: ArgumentMetadata): unknown {
    // The context goes through the pipes too, as with every transport.
    if (type === 'body') trace.push(`${this.name} pipe`);
    return value;
  }
}

@Catch()
class TracingFilter implements RpcExceptionFilter {
  constructor(private readonly name: string) {}

  catch(exception: unknown, host: ArgumentsHost): Observable<never> {
    const pattern = host.switchToRpc().getContext<RedisQueueContext>().getPattern();
    trace.push(`${this.name} filter`);
    return throwError(() => ({
      status: 'error',
      message: `${this.name}: ${pattern}: ${String(exception)}`,
    }));
  }
}

@UseGuards(new TracingGuard('controller'))
@UseInterceptors(new TracingInterceptor('controller'))
@UsePipes(new TracingPipe('controller'))
@UseFilters(new TracingFilter('controller'))
@Controller()
class TracedController {
  @UseGuards(new TracingGuard('method'))
  @UseInterceptors(new TracingInterceptor('method'))
  @UsePipes(new TracingPipe('method'))
  @MessagePattern('traced')
  traced(@Payload(new TracingPipe('parameter')) data: unknown): unknown {
    trace.push('handler');
    return data;
  }

  @EventPattern<string>('traced.event')
  onEvent(): void {
    trace.push('event handler');
  }

  @UseFilters(new TracingFilter('method'))
  @MessagePattern('fails.method')
  failsMethod(): never {
    throw new Error('broken');
  }

  @MessagePattern('fails.controller')
  failsController(): never {
    throw new Error('broken');
  }
}

@Controller()
class PlainController {
  @MessagePattern('fails.global')
  failsGlobal(): never {
    throw new Error('broken');
  }
}

const ALL = [
  'global guard of rpc traced',
  'controller guard of rpc traced',
  'method guard of rpc traced',
  'global interceptor before',
  'controller interceptor before',
  'method interceptor before',
  'global pipe',
  'controller pipe',
  'method pipe',
  'parameter pipe',
  'handler',
  'method interceptor after',
  'controller interceptor after',
  'global interceptor after',
];

describe('enhancers', () => {
  const byCall = (app: INestMicroservice): void => {
    app.useGlobalGuards(new TracingGuard('global'));
    app.useGlobalInterceptors(new TracingInterceptor('global'));
    app.useGlobalPipes(new TracingPipe('global'));
    app.useGlobalFilters(new TracingFilter('global'));
  };
  const asProviders = [
    { provide: APP_GUARD, useValue: new TracingGuard('global') },
    { provide: APP_INTERCEPTOR, useValue: new TracingInterceptor('global') },
    { provide: APP_PIPE, useValue: new TracingPipe('global') },
    { provide: APP_FILTER, useValue: new TracingFilter('global') },
  ];

  test('of the app, the controller, the method and the parameter all run for a request, in their order', async () => {
    await rig.serve({ controllers: [TracedController] }, {}, byCall);
    trace = [];

    expect(await lastValueFrom(rig.client().send('traced', 'data'))).toBe('data');

    expect(trace).toEqual(ALL);
  });

  test('run for an enqueued message', async () => {
    await rig.serve({ controllers: [TracedController] }, {}, byCall);
    trace = [];

    await lastValueFrom(rig.client().enqueue('traced', 'data'));

    await eventually(() => expect(trace).toEqual(ALL));
  });

  test('run for an event', async () => {
    await rig.serve({ controllers: [TracedController] }, {}, byCall);
    trace = [];

    await lastValueFrom(rig.client().emit('traced.event', 'data'));

    await eventually(() =>
      expect(trace).toEqual([
        'global guard of rpc traced.event',
        'controller guard of rpc traced.event',
        'global interceptor before',
        'controller interceptor before',
        'global pipe',
        'controller pipe',
        'event handler',
        'controller interceptor after',
        'global interceptor after',
      ]),
    );
  });

  test('of the app may be providers', async () => {
    await rig.serve({ controllers: [TracedController], providers: asProviders });
    trace = [];

    expect(await lastValueFrom(rig.client().send('traced', 'data'))).toBe('data');

    expect(trace).toEqual(ALL);
  });

  test.each(['method', 'controller', 'global'])('include the filter of the %s', async (level) => {
    await rig.serve({ controllers: [TracedController, PlainController] }, {}, byCall);
    trace = [];

    const answer = lastValueFrom(rig.client().send(`fails.${level}`, {}));

    const message = `${level}: fails.${level}: Error: broken`;
    await expect(answer).rejects.toEqual({ status: 'error', message });
    expect(trace).toContain(`${level} filter`);
  });
});

describe('an interceptor', () => {
  class DoublingInterceptor implements NestInterceptor {
    intercept(_: ExecutionContext, next: CallHandler<number>): Observable<number> {
      return next.handle().pipe(map((value) => value * 2));
    }
  }

  class AsyncInterceptor implements NestInterceptor {
    async intercept(_: ExecutionContext, next: CallHandler<number>): Promise<Observable<number>> {
      await new Promise(setImmediate);
      return next.handle().pipe(map((value) => value + 1));
    }
  }

  @Controller()
  class MappedController {
    @UseInterceptors(DoublingInterceptor, AsyncInterceptor)
    @MessagePattern('mapped')
    mapped(numbers: number[]): Observable<number> | Promise<number> {
      return numbers.length === 1 ? Promise.resolve(numbers[0]!) : from(numbers);
    }
  }

  test('may change the answer, and each of several values', async () => {
    await rig.serve({ controllers: [MappedController] });
    const client = rig.client();

    expect(await lastValueFrom(client.send('mapped', [20]).pipe(toArray()))).toEqual([42]);
    expect(await lastValueFrom(client.send('mapped', [1, 2, 3]).pipe(toArray()))).toEqual([
      4, 6, 8,
    ]);
  });
});

describe('a validating pipe', () => {
  class ReserveDto {
    @IsString()
    sku!: string;

    @IsInt()
    @Min(1)
    units!: number;
  }

  const validation = new ValidationPipe({
    transform: true,
    exceptionFactory: (errors) =>
      new RpcException({ status: 'error', fields: errors.map(({ property }) => property) }),
  });

  @Controller()
  class ReserveController {
    @UsePipes(validation)
    @MessagePattern('reserve')
    reserve(@Payload() dto: ReserveDto, @Ctx() context: RedisQueueContext): string {
      return `${dto.constructor.name} ${dto.sku} × ${dto.units}, ${context.constructor.name}`;
    }
  }

  test('gives the handler an instance of the class, and does not change the context', async () => {
    await rig.serve({ controllers: [ReserveController] });

    const answer = lastValueFrom(rig.client().send('reserve', { sku: 'A', units: 2 }));

    expect(await answer).toBe('ReserveDto A × 2, RedisQueueContext');
  });

  test('refuses invalid data with the reasons', async () => {
    await rig.serve({ controllers: [ReserveController] });

    const answer = lastValueFrom(rig.client().send('reserve', { sku: 7, units: 0 }));

    await expect(answer).rejects.toEqual({ status: 'error', fields: ['sku', 'units'] });
  });
});

describe('a guard with dependencies', () => {
  @Injectable()
  class Permissions {
    readonly allowed = new Set(['Ann']);
  }

  @Injectable()
  class PermissionGuard implements CanActivate {
    constructor(private readonly permissions: Permissions) {}

    async canActivate(context: ExecutionContext): Promise<boolean> {
      const { user } = context.switchToRpc().getData<{ user: string }>();
      await Promise.resolve();
      return this.permissions.allowed.has(user);
    }
  }

  @Controller()
  class GuardedController {
    @UseGuards(PermissionGuard)
    @MessagePattern('guarded')
    guarded(): string {
      return 'come in';
    }
  }

  test('sees the data and decides', async () => {
    await rig.serve({ controllers: [GuardedController], providers: [Permissions] });
    const client = rig.client();

    expect(await lastValueFrom(client.send('guarded', { user: 'Ann' }))).toBe('come in');
    await expect(lastValueFrom(client.send('guarded', { user: 'Bob' }))).rejects.toEqual({
      status: 'error',
      message: 'Forbidden resource',
    });
  });
});
