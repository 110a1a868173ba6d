import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload } from '@nestjs/microservices';
// #region codecs
import {
  RedisQueueClient,
  RedisQueueRecordBuilder,
  RedisQueueServer,
  rawCodec,
} from 'nestjs-redis-queue-transport';
import { msgpackCodec } from 'nestjs-redis-queue-transport/msgpack';
import { firstValueFrom } from 'rxjs';

@Controller()
class ImageController {
  @MessagePattern('image.size')
  size(@Payload() image: Buffer): { bytes: number } {
    return { bytes: image.length }; // not bytes: goes back as JSON
  }

  @MessagePattern('image.store')
  store(@Payload() image: { taken: Date; pixels: Buffer }): { stored: Date; pixels: Buffer } {
    return { stored: image.taken, pixels: image.pixels }; // goes back as MessagePack
  }
}

const connection = process.env['REDIS_URL'];
const server = new RedisQueueServer({ connection, codecs: [msgpackCodec] }); // also reads JSON and bytes
const client = new RedisQueueClient({ connection, codec: msgpackCodec }); // writes it
// #endregion codecs

@Module({ controllers: [ImageController] })
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, { strategy: server });
await app.listen();

// #region send
const pixels = Buffer.from([0xff, 0xd8, 0xff]);
const image = { taken: new Date(0), pixels };
console.log(await firstValueFrom(client.send('image.store', image)));

const asBytes = new RedisQueueRecordBuilder(pixels).codec(rawCodec).build(); // this one message
console.log(await firstValueFrom(client.send('image.size', asBytes)));
// #endregion send

await client.close();
await app.close();
