import { Module } from '@nestjs/common';
import { DemoController } from './demo.controller.js';
import { Supervisor } from './supervisor.js';

@Module({ controllers: [DemoController], providers: [Supervisor], exports: [Supervisor] })
export class DemoModule {}
