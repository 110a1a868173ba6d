import { Module } from '@nestjs/common';
import { DemoModule } from '../demo/demo.module.js';
import { InventoryModule } from '../inventory/inventory.module.js';
import { MailModule } from '../notification/mail.module.js';
import { OrdersModule } from '../orders/orders.module.js';
import { LiveController } from './live.controller.js';
import { LiveOrders } from './live-orders.js';
import { LiveOrdersController } from './live-orders.controller.js';
import { PageController } from './page.controller.js';
import { PageFiles } from './page-files.js';
import { QueueWatch } from './queue-watch.js';
import { ShopFigures } from './shop-figures.js';
import { StockWatch } from './stock-watch.js';
import { IdleConnections } from './idle-connections.js';

@Module({
  imports: [OrdersModule, InventoryModule, MailModule, DemoModule],
  controllers: [PageController, LiveController, LiveOrdersController],
  providers: [PageFiles, LiveOrders, ShopFigures, QueueWatch, StockWatch, IdleConnections],
})
export class PageModule {}
