import { Global, Logger, Module } from '@nestjs/common';
import { redisUrl } from 'local-redis';
import { OrderConfig } from './order-config.js';

@Global()
@Module({
  providers: [
    {
      provide: OrderConfig,
      useFactory: async (): Promise<OrderConfig> => {
        const { url, description } = await redisUrl();
        new Logger('Redis').log(`Redis is at ${description}`);
        return new OrderConfig(url, process.env);
      },
    },
  ],
  exports: [OrderConfig],
})
export class ConfigModule {}
