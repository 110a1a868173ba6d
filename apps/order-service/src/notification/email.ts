import type { Order } from '../orders/order.js';

export interface Email {
  readonly orderId: string;
  readonly outcome: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** About an order that is settled. */
export function writeEmail({ id, status, reason, customer, lines }: Order): Email {
  const goods = lines.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ');
  const news =
    status === 'confirmed'
      ? `your order is paid, and on its way: ${goods}.`
      : `we are sorry, your order is ${status} (${reason}): ${goods}.`;
  return {
    orderId: id,
    outcome: status,
    to: customer.email,
    subject: `Your order ${id} is ${status}`,
    text: `Dear ${customer.name},\n\n${news}\n`,
  };
}
