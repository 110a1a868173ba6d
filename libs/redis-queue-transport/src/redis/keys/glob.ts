/** Escapes text for a pattern of Redis (`PSUBSCRIBE`, `SCAN`), so that it stands for itself. */
export function literally(text: string): string {
  return text.replace(/[*?[\]\\]/g, '\\$&');
}
