const SEGMENTS = new Intl.Segmenter();

/** Characters that take two columns: those of East Asia, and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

const PLAIN = /^[ -~]*$/;

/** How many columns a text without control characters takes. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of SEGMENTS.segment(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

/** The text in at most that many columns; `…` stands for the part that is left out. */
export function shortened(text: string, columns: number): string {
  if (text.length <= columns && PLAIN.test(text)) return text;
  if (widthOf(text) <= columns) return text;
  let shown = '';
  let width = 1;
  for (const { segment } of SEGMENTS.segment(text)) {
    width += WIDE.test(segment) ? 2 : 1;
    if (width > columns) break;
    shown += segment;
  }
  return `${shown}…`;
}
