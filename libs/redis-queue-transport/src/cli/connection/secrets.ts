const SHOWN = '***';

/** Text in which no secret stands. Of an address, everything before the host goes. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text.replace(/\b(rediss?:\/\/)[^\s"']*@/gi, `$1${SHOWN}@`);
  for (const secret of secrets.filter((one) => one !== '')) clean = clean.replaceAll(secret, SHOWN);
  return clean;
}
