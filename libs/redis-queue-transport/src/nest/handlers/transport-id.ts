/** For decorators in hybrid apps: `@MessagePattern('x', REDIS_QUEUE_TRANSPORT)` is served by this transport alone. */
export const REDIS_QUEUE_TRANSPORT = Symbol('REDIS_QUEUE_TRANSPORT');
