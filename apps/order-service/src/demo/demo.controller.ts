import {
  Controller,
  Delete,
  HttpCode,
  HttpStatus,
  Param,
  ParseEnumPipe,
  ParseIntPipe,
  Post,
  UseGuards,
} from '@nestjs/common';
import { DemoGuard } from './demo.guard.js';
import { Supervisor } from './supervisor.js';

const services = {
  'order-service': 'order-service',
  'inventory-service': 'inventory-service',
} as const;

/** What the buttons of the page do to the shop. */
@Controller('demo')
@UseGuards(DemoGuard)
export class DemoController {
  constructor(private readonly supervisor: Supervisor) {}

  @Post('processes/:service')
  @HttpCode(HttpStatus.NO_CONTENT)
  start(
    @Param('service', new ParseEnumPipe(services)) service: keyof typeof services,
  ): Promise<void> {
    return this.supervisor.start(service);
  }

  @Delete('processes/:pid')
  @HttpCode(HttpStatus.NO_CONTENT)
  kill(@Param('pid', ParseIntPipe) pid: number): Promise<void> {
    return this.supervisor.kill(pid);
  }

  @Post('poison')
  @HttpCode(HttpStatus.NO_CONTENT)
  poison(): Promise<void> {
    return this.supervisor.poison();
  }
}
