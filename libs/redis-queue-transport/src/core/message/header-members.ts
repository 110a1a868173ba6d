/** A member of a JSON object, in its original text. */
export interface Member {
  readonly name: string;
  /** Name and value, as written. */
  readonly text: string;
  /** The value, as written. */
  readonly value: string;
}

const SPACE = /[ \t\n\r]*/y;
/** The next token that decides where a value ends: a string or a bracket. */
const TEXT_OR_BRACKET = /"(?:[^"\\]|\\.)*"|[[\]{}]/g;
/** A string, or a number or literal. */
const SCALAR = /"(?:[^"\\]|\\.)*"|[^\s,\]}]+/y;

/**
 * The members of an object whose text is known to be JSON, in order, duplicates included. Parsing and writing them
 * again would change what JavaScript does not preserve: large numbers, the order of numeric names, values nested too
 * deeply to be written. The text is Latin-1 of UTF-8 bytes, so that every byte can be restored.
 */
export function membersOf(json: string): Member[] {
  const members: Member[] = [];
  let at = pastSpace(json, 1); // the brace
  while (json[at] === '"') {
    const nameEnd = pastScalar(json, at);
    const valueStart = pastSpace(json, pastSpace(json, nameEnd) + 1); // the colon
    const end = pastValue(json, valueStart);
    const [text, value] = [json.slice(at, end), json.slice(valueStart, end)];
    members.push({ name: nameOf(json.slice(at, nameEnd)), text, value });
    at = pastSpace(json, end);
    if (json[at] !== ',') break;
    at = pastSpace(json, at + 1);
  }
  return members;
}

function nameOf(text: string): string {
  return JSON.parse(Buffer.from(text, 'latin1').toString()) as string; // a string, since the object is JSON
}

function pastSpace(json: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.exec(json);
  return SPACE.lastIndex;
}

function pastScalar(json: string, at: number): number {
  SCALAR.lastIndex = at;
  SCALAR.exec(json);
  return SCALAR.lastIndex;
}

function pastValue(json: string, at: number): number {
  if (json[at] !== '{' && json[at] !== '[') return pastScalar(json, at);
  TEXT_OR_BRACKET.lastIndex = at;
  let depth = 0;
  for (;;) {
    const found = TEXT_OR_BRACKET.exec(json)?.[0];
    if (found === '{' || found === '[') depth += 1;
    else if (found === '}' || found === ']' || found === undefined) depth -= 1;
    if (depth <= 0) return found === undefined ? json.length : TEXT_OR_BRACKET.lastIndex;
  }
}
