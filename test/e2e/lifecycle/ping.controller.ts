import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';

/** A handler of messages and a handler of live events, so that the server opens everything that it can. */
@Controller()
export class PingController {
  @MessagePattern('ping')
  ping(): string {
    return 'pong';
  }

  @EventPattern<string>('pinged')
  onPinged(): void {
    // Only there to be subscribed to.
  }
}
