export { NotSettledError } from './settled/not-settled-error.js';
export { MemoryStore } from './memory-store.js';
export { OtherSide } from './peers/other-side.js';
export { Records } from './journal/records.js';
export { RedisQueueTestApp } from './app/test-app.js';
export { RedisQueueTestKit } from './redis-queue-test-kit.js';
export { TestKitError } from './errors/test-kit-error.js';
export type { FakeHandler } from './peers/fake-service.js';
export type { OpenWork } from './settled/open-work.js';
export type { ReceivedRequest } from './peers/other-side.js';
export type {
  DeadLetteredMessage,
  FailedMessage,
  HandledMessage,
  RetriedMessage,
  SentMessage,
} from './journal/recorded.js';
export type { RedisQueueTestAppOptions } from './app/app-options.js';
export type { RedisQueueTestKitOptions } from './redis-queue-test-kit.js';
export type { SettledOptions } from './settled/settling.js';
