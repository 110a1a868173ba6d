/**
 * Control characters, line ends, and marks that change the direction of text or are invisible: in a log they could forge
 * lines or control the terminal.
 */
// eslint-disable-next-line no-control-regex -- these are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Untrusted text on one line, with unprintable characters escaped as in JSON. */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (mark) => SHORT[mark] ?? `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
