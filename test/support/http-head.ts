/** The head of a message as it was on the wire. */
export interface RecordedHead {
  /** Up to and without the empty line, Latin-1. */
  readonly head: string;
  /** `GET /path HTTP/1.1` or `HTTP/1.1 200 OK`. */
  readonly startLine: string;
  /** Name and value of each field, in wire order and spelling. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Value of the first such field, by name in any case. */
  field(name: string): string | undefined;
  /** Values of all such fields. */
  all(name: string): string[];
}

/** The head at the start of `bytes` and its length with the empty line; `undefined` while that is missing. */
export function readHead(
  bytes: Buffer,
): { readonly head: RecordedHead; readonly length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const text = bytes.toString('latin1', 0, end);
  const [startLine = '', ...lines] = text.split('\r\n');
  const fields = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const all = (name: string) =>
    fields.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return { head: { head: text, startLine, fields, all, field: (name) => all(name)[0] }, length: end + 4 };
}
