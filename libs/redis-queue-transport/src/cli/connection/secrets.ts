const SHOWN = '***';

/** The text without secrets. Of an address, everything in front of the host is removed. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text.replace(/\b(rediss?:\/\/)[^\s"']*@/gi, `$1${SHOWN}@`);
  for (const secret of secrets.filter((one) => one !== '')) clean = clean.replaceAll(secret, SHOWN);
  return clean;
}
