import type { Order, Settlement } from '../orders/order.js';

export interface Email {
  readonly orderId: string;
  readonly outcome: Settlement['status'];
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export function writeEmail(order: Order, settlement: Settlement): Email {
  return {
    orderId: order.id,
    outcome: settlement.status,
    to: order.customer.email,
    subject: `Your order ${order.id} is ${settlement.status}`,
    text: `Dear ${order.customer.name},\n\n${body(order, settlement)}\n`,
  };
}

function body({ lines }: Order, settlement: Settlement): string {
  switch (settlement.status) {
    case 'confirmed':
      return `we have set aside for you: ${lines.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ')}.`;
    case 'rejected':
      return `we are sorry, we cannot fill your order (${settlement.reason}).`;
  }
}
