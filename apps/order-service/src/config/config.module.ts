import { Global, Logger, Module } from '@nestjs/common';
import { redisUrl } from 'local-redis';
import { OrderConfig } from './order-config.js';

@Global()
@Module({
  providers: [
    {
      provide: OrderConfig,
      useFactory: async (): Promise<OrderConfig> => {
        const { url } = await redisUrl();
        // Its host alone: a URL may hold a password.
        if (URL.canParse(url)) new Logger('Redis').log(`Redis is at ${new URL(url).host}`);
        return new OrderConfig(url, process.env);
      },
    },
  ],
  exports: [OrderConfig],
})
export class ConfigModule {}
