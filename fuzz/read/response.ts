import { type Field, readChunks, readFields, readLine, unclear, valuesOf } from './grammar.ts';

/** One final answer of a byte stream. Texts are Latin-1. */
export interface Answer {
  readonly status: number;
  readonly fields: readonly Field[];
  /** What came of it; decoded if it is chunked. */
  readonly body: string;
  readonly isWhole: boolean;
  /** Whoever reads cannot tell the end from a broken connection. */
  readonly endsWithConnection: boolean;
  /** Interim answers before it. */
  readonly interim: readonly number[];
}

export type ReadAnswer =
  | { readonly kind: 'read'; readonly answer: Answer; readonly end: number }
  /** The head was clear, the body is not. */
  | { readonly kind: 'broken'; readonly answer: Answer; readonly reason: string }
  /** `isBegun`: there is more than interim answers. */
  | { readonly kind: 'partial'; readonly isBegun: boolean }
  | { readonly kind: 'unclear'; readonly reason: string };

/** The answer at this place to a request of this method; the stream has ended behind `text`. Strict (RFC 9112 §4, §6.3). */
export function readAnswer(text: string, start: number, method: string): ReadAnswer {
  const interim: number[] = [];
  for (let at = start; ; ) {
    const line = readLine(text, at);
    if (line.kind === 'partial') return { kind: 'partial', isBegun: at < text.length };
    if (line.kind === 'unclear') return line;
    const status = /^HTTP\/1\.[01] ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(line.value)?.[1];
    if (status === undefined) return unclear(`the status line ${JSON.stringify(line.value)}`);
    const fields = readFields(text, line.end);
    if (fields.kind === 'partial') return { kind: 'partial', isBegun: true };
    if (fields.kind === 'unclear') return fields;
    at = fields.end;
    if (status.startsWith('1') && status !== '101') {
      interim.push(Number(status));
      continue;
    }
    return readBody(text, at, method, {
      status: Number(status),
      fields: fields.value,
      isOld: line.value.startsWith('HTTP/1.0'),
      interim,
    });
  }
}

function readBody(
  text: string,
  at: number,
  method: string,
  { isOld, ...head }: Pick<Answer, 'status' | 'fields' | 'interim'> & { readonly isOld: boolean },
): ReadAnswer {
  const sizes = valuesOf(head.fields, 'content-length');
  const codings = valuesOf(head.fields, 'transfer-encoding');
  if (sizes.length > 0 && codings.length > 0) return unclear('both Content-Length and Transfer-Encoding');
  if (sizes.length > 1 || (sizes[0] !== undefined && !/^\d{1,15}$/.test(sizes[0])))
    return unclear('a Content-Length');
  if (codings.length > 1 || (codings[0] !== undefined && (isOld || codings[0].toLowerCase() !== 'chunked')))
    return unclear('a Transfer-Encoding');
  const whole = { ...head, isWhole: true, endsWithConnection: false };
  const { status } = head;
  if (method === 'HEAD' || status === 204 || status === 304 || status === 101)
    return { kind: 'read', answer: { ...whole, body: '' }, end: at };
  if (codings.length > 0) {
    const chunks = readChunks(text, at);
    if (chunks.kind === 'read')
      return { kind: 'read', answer: { ...whole, body: chunks.value.body }, end: chunks.end };
    const answer = { ...whole, body: chunks.soFar, isWhole: false };
    return { kind: 'broken', answer, reason: chunks.kind === 'unclear' ? chunks.reason : 'it is not whole' };
  }
  if (sizes[0] === undefined)
    return {
      kind: 'read',
      answer: { ...whole, body: text.slice(at), endsWithConnection: true },
      end: text.length,
    };
  const length = Number(sizes[0]);
  const body = text.slice(at, at + length);
  return body.length === length
    ? { kind: 'read', answer: { ...whole, body }, end: at + length }
    : { kind: 'broken', answer: { ...whole, body, isWhole: false }, reason: 'it is not whole' };
}
