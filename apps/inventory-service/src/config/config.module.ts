import { Global, Logger, Module } from '@nestjs/common';
import { redisUrl } from 'local-redis';
import { InventoryConfig } from './inventory-config.js';

@Global()
@Module({
  providers: [
    {
      provide: InventoryConfig,
      useFactory: async (): Promise<InventoryConfig> => {
        const { url } = await redisUrl();
        // Its host alone: a URL may hold a password.
        if (URL.canParse(url)) new Logger('Redis').log(`Redis is at ${new URL(url).host}`);
        return new InventoryConfig(url, process.env);
      },
    },
  ],
  exports: [InventoryConfig],
})
export class ConfigModule {}
