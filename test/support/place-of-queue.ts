/** What the names of a queue's keys have in common: `{mail.send}`, or `{order.placed}@billing` for `@billing/order.placed`. */
export function placeOfQueue(queue: string): string {
  const [, group, pattern] = /^@([\w.-]+)\/(.+)$/s.exec(queue) ?? [];
  return group === undefined || pattern === undefined ? `{${queue}}` : `{${pattern}}@${group}`;
}
