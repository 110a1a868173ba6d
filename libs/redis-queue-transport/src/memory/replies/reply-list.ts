const END = '}:replies';
/** A name with a brace could be that of something else. */
const BRACE = /[{}]/;

/** What the reply list of a process is called: as in Redis. */
export function replyListOf(prefix: string, process: string): string {
  return `${startOf(prefix)}${process}${END}`;
}

/** Whether {@link replyListOf} could have made this name. */
export function isReplyList(prefix: string, list: string): boolean {
  const start = startOf(prefix);
  if (!list.startsWith(start) || !list.endsWith(END)) return false;
  const process = list.slice(start.length, -END.length);
  return process !== '' && !BRACE.test(process);
}

function startOf(prefix: string): string {
  return `${prefix}:{reply:`;
}
