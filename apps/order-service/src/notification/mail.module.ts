import { Module } from '@nestjs/common';
import { RedisModule } from '../redis/redis.module.js';
import { MailProvider } from './mail-provider.js';

@Module({ imports: [RedisModule], providers: [MailProvider], exports: [MailProvider] })
export class MailModule {}
