/** As part of a pattern of Redis (`PSUBSCRIBE`, `SCAN`), for which this text means itself. */
export function literally(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}
