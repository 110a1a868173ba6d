import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { RedisQueueClient, RedisQueueModule } from 'nestjs-redis-queue-transport';
import { lastValueFrom } from 'rxjs';

const host = process.env['REDIS_HOST'] ?? '127.0.0.1';
const port = Number(process.env['REDIS_TLS_PORT'] ?? 6380);
const folder = process.env['CERTIFICATES'] ?? '.';

@Controller()
class PingController {
  @MessagePattern('ping')
  ping(): string {
    return 'pong';
  }
}

// #region tls
@Module({
  imports: [
    RedisQueueModule.register({
      connection: {
        host,
        port,
        username: process.env['REDIS_USER'],
        password: process.env['REDIS_PASSWORD'],
        tls: {
          ca: readFileSync(`${folder}/authority.pem`), // who signed Redis's certificate
          key: readFileSync(`${folder}/service-key.pem`), // this service, if Redis asks who it is
          cert: readFileSync(`${folder}/service.pem`),
        },
      },
      server: {},
    }),
  ],
  controllers: [PingController],
})
class AppModule {}
// #endregion tls

const app = await NestFactory.createMicroservice(AppModule, RedisQueueModule.microservice());
await app.listen();
console.log(await lastValueFrom(app.get(RedisQueueClient).send<string>('ping', {})));
await app.close();
