import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientsModule } from '@nestjs/microservices';
import { RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';

@Injectable()
class Settings {
  readonly redisUrl = process.env['REDIS_URL'];
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

@Module({
  imports: [
    // #region async
    // Options from your own providers: useFactory, useClass or useExisting.
    RedisQueueModule.registerAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: (settings: Settings) => ({ connection: settings.redisUrl }),
    }),
    // #endregion async
    // #region others
    // A second client under a token of its own; `isGlobal: true` makes it known everywhere.
    RedisQueueModule.register({ name: 'SLOW', requestTimeoutMs: 60_000 }),
    // Nest's own module works too.
    ClientsModule.register([
      { name: 'MAIL', customClass: RedisQueueClient, options: { requestTimeoutMs: 2_000 } },
    ]),
    // #endregion others
  ],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
for (const token of [RedisQueueClient, 'SLOW', 'MAIL']) {
  console.log(app.get<RedisQueueClient>(token) instanceof RedisQueueClient);
}
await app.close();
