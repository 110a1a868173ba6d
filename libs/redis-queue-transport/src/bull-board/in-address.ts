const PERCENT = '%';
const INSTEAD = '~25';

/** A name or an id as it may stand in an address: bull-board's pages decode twice, so that a percent sign is no longer one. */
export function inAddress(text: string): string {
  return text.replaceAll(PERCENT, INSTEAD);
}

/** What may have become of it: itself, or what has a percent sign there. */
export function fromAddress(text: string): readonly string[] {
  const other = text.replaceAll(INSTEAD, PERCENT);
  return other === text ? [text] : [other, text];
}
