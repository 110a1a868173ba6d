import { Global, Logger, Module } from '@nestjs/common';
import { redisUrl } from 'local-redis';
import { InventoryConfig } from './inventory-config.js';

@Global()
@Module({
  providers: [
    {
      provide: InventoryConfig,
      useFactory: async (): Promise<InventoryConfig> => {
        const { url, description } = await redisUrl();
        new Logger('Redis').log(`Redis is at ${description}`);
        return new InventoryConfig(url, process.env);
      },
    },
  ],
  exports: [InventoryConfig],
})
export class ConfigModule {}
