const PERCENT = '%';
const INSTEAD = '~25';

/**
 * A name or an id in a form that an address can hold: bull-board's pages decode twice, which destroys percent signs.
 */
export function inAddress(text: string): string {
  return text.replaceAll(PERCENT, INSTEAD);
}

/** What the text in an address can stand for: the original with percent signs, or itself. */
export function fromAddress(text: string): readonly string[] {
  const other = text.replaceAll(INSTEAD, PERCENT);
  return other === text ? [text] : [other, text];
}
