/** How many slots a cluster has. */
export const SLOTS = 16_384;

const POLYNOMIAL = 0x1021;

/** The slot of a key: the CRC16 (XMODEM) of its hash tag, or of the whole key if it has none (Redis Cluster specification). */
export function slotOf(key: string): number {
  return crc16(Buffer.from(hashTag(key))) % SLOTS;
}

/** What stands between the first "{" and the first "}" behind it, unless that is nothing. */
function hashTag(key: string): string {
  const open = key.indexOf('{');
  const close = open === -1 ? -1 : key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}

function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1)
      crc = ((crc << 1) ^ ((crc & 0x8000) === 0 ? 0 : POLYNOMIAL)) & 0xffff;
  }
  return crc;
}
