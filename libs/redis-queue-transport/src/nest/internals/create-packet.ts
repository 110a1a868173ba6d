import type { ClientProxy, ReadPacket } from '@nestjs/microservices';

/** Protected, and since Nest 12: so is the hook that it calls, through which a trace id gets into a packet. */
interface PacketMaker {
  createPacket?(pattern: unknown, data: unknown): ReadPacket;
}

/** The packet of one call, with what Nest's hook for outgoing packets adds (`setOnDispatchHook`). */
export function createPacket(client: ClientProxy, pattern: unknown, data: unknown): ReadPacket {
  const maker = client as unknown as PacketMaker; // see there
  return maker.createPacket?.(pattern, data) ?? { pattern, data };
}
