import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';

/** One handler of messages and one of live events: all that a server opens. */
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
