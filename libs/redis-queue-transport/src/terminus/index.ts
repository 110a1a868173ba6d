export { RedisQueueHealthIndicator } from './health-indicator.js';
export type {
  AcceptedRisk,
  HasHealth,
  QueueLimits,
  RedisQueueHealthOptions,
} from './health-options.js';
