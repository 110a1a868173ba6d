import 'reflect-metadata';
import { Controller, Injectable, Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import {
  RedisQueueClient,
  RedisQueueModule,
  type RedisQueueOptionsFactory,
  type RedisQueueSettings,
} from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';

// #region settings
@Injectable()
class Settings {
  readonly redisUrl = process.env['REDIS_URL'];
  readonly concurrency = Number(process.env['CONCURRENCY'] ?? 20);
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}
// #endregion settings

@Controller()
class PingController {
  @MessagePattern('ping')
  ping(): string {
    return 'pong';
  }
}

// #region factory
@Module({
  imports: [
    RedisQueueModule.registerAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: (settings: Settings) => ({
        connection: settings.redisUrl,
        server: { concurrency: settings.concurrency },
      }),
    }),
  ],
  controllers: [PingController],
})
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, RedisQueueModule.microservice());
await app.listen();
// #endregion factory

// #region config
@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true }),
    RedisQueueModule.registerAsync({
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        connection: config.get<string>('REDIS_URL'),
        server: { concurrency: Number(config.get('CONCURRENCY', 20)) },
      }),
    }),
  ],
})
class ConfiguredModule {}
// #endregion config

// #region class
@Injectable()
class QueueOptions implements RedisQueueOptionsFactory {
  createRedisQueueOptions(): RedisQueueSettings {
    return { connection: process.env['REDIS_URL'], requestTimeoutMs: 2_000 };
  }
}

@Module({ imports: [RedisQueueModule.registerAsync({ useClass: QueueOptions })] })
class ClientModule {}
// #endregion class

const context = await NestFactory.createApplicationContext(ClientModule);
console.log(await lastValueFrom(context.get(RedisQueueClient).send<string>('ping', {})));
await context.close();
await app.close();

const configured = await NestFactory.createApplicationContext(ConfiguredModule);
console.log(configured.get(RedisQueueClient).health().status);
await configured.close();
