import type { Logger } from '@nestjs/common';
import type { RedisQueueObserver } from '../../core/lifecycle/observer.js';
import type { MessageIds } from '../../core/message/message-id.js';
import type { Runtime } from '../../core/process/runtime.js';
import type { AddressingLog } from '../log/addressing-log.js';
import type { HandlerHistories } from './handler-histories.js';
import type { HandlerRegistry } from '../handlers/handler-registry.js';
import type { WithHooks } from '../handlers/message-runner.js';
import type { ResolvedServerOptions } from '../options/resolve-options.js';
import type { PacketCodec } from '../packets/packet-codec.js';

/** The handlers of a server, and what it needs to serve them. Does not change once the server listens. */
export interface Served {
  readonly options: ResolvedServerOptions;
  readonly registry: HandlerRegistry;
  readonly histories: HandlerHistories;
  readonly codec: PacketCodec;
  /** For data of programs without this library, which may be plain text. */
  readonly codecOfOthers: PacketCodec;
  readonly withHooks: WithHooks;
  readonly runtime: Runtime;
  readonly ids: MessageIds;
  readonly observer: RedisQueueObserver;
  readonly addressing: AddressingLog;
  readonly logger: Logger;
}
