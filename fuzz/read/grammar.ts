/** A field as it stood in a message: name in its spelling, value without the blanks around it. Latin-1. */
export type Field = readonly [name: string, value: string];

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Field content of RFC 9110 §5.5: no control byte but the tab. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** One field line (RFC 9112 §5); `undefined`: no two servers need agree on what it is. */
export function readField(line: string): Field | undefined {
  const colon = line.indexOf(':');
  const name = line.slice(0, colon);
  const value = line.slice(colon + 1);
  if (colon < 1 || !isToken(name) || !VALUE.test(value)) return undefined;
  return [name, trimBlanks(value)];
}

/** Field lines up to and with the empty line; each ends with CR LF and nothing else. */
export function readFields(text: string, start: number): ReadPart<readonly Field[]> {
  const fields: Field[] = [];
  for (let at = start; ; ) {
    const line = readLine(text, at);
    if (line.kind !== 'read') return line;
    at = line.end;
    if (line.value === '') return { kind: 'read', value: fields, end: at };
    const field = readField(line.value);
    if (field === undefined) return unclear(`the field line ${JSON.stringify(line.value)}`);
    fields.push(field);
  }
}

export type ReadPart<T> =
  | { readonly kind: 'read'; readonly value: T /** Place behind it. */; readonly end: number }
  /** What there is could be its beginning. */
  | { readonly kind: 'partial' }
  | { readonly kind: 'unclear'; readonly reason: string };

export function unclear(reason: string): { readonly kind: 'unclear'; readonly reason: string } {
  return { kind: 'unclear', reason };
}

/** Up to CR LF; a bare CR or LF is no end of a line, and no part of one either. */
export function readLine(text: string, start: number): ReadPart<string> {
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x0a) return unclear('a bare LF');
    if (code !== 0x0d) continue;
    if (at + 1 === text.length) return { kind: 'partial' };
    if (text.charCodeAt(at + 1) !== 0x0a) return unclear('a bare CR');
    return { kind: 'read', value: text.slice(start, at), end: at + 2 };
  }
  return { kind: 'partial' };
}

export function trimBlanks(text: string): string {
  return text.replace(/^[\t ]+/, '').replace(/[\t ]+$/, '');
}

/** Values of all fields of this name, in any case. */
export function valuesOf(fields: readonly Field[], name: string): readonly string[] {
  return fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
}

export interface Chunks {
  readonly body: string;
  readonly trailers: readonly Field[];
}

/** A chunked body with its trailers (RFC 9112 §7.1). `soFar`: what came of one that is not whole. */
export function readChunks(text: string, start: number): ReadPart<Chunks> & { readonly soFar: string } {
  let soFar = '';
  for (let at = start; ; ) {
    const line = readLine(text, at);
    if (line.kind !== 'read') return { ...line, soFar };
    // Extensions may be there and say nothing.
    const size = /^([0-9a-fA-F]{1,13})(?:[\t ]*;[\t\x20-\x7e]*)?$/.exec(line.value)?.[1];
    if (size === undefined) return { ...unclear(`the chunk line ${JSON.stringify(line.value)}`), soFar };
    const length = Number.parseInt(size, 16);
    at = line.end;
    if (length === 0) {
      const trailers = readFields(text, at);
      if (trailers.kind !== 'read') return { ...trailers, soFar };
      return { kind: 'read', value: { body: soFar, trailers: trailers.value }, end: trailers.end, soFar };
    }
    soFar += text.slice(at, at + length);
    at += length;
    if (text.length < at + 2) return { kind: 'partial', soFar };
    if (text.slice(at, at + 2) !== '\r\n')
      return { ...unclear('a chunk that is longer than its size'), soFar };
    at += 2;
  }
}
