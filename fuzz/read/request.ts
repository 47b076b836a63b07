import { type Field, isToken, readChunks, readFields, readLine, unclear, valuesOf } from './grammar.ts';

/** One request of a byte stream. Texts are Latin-1: one character per byte. */
export interface Message {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly fields: readonly Field[];
  /** What came of it; decoded if it is chunked. */
  readonly body: string;
  readonly isChunked: boolean;
  readonly trailers: readonly Field[];
  readonly isWhole: boolean;
}

/** All that a byte stream says to whoever reads it strictly (RFC 9112), which is what any two servers agree on. */
export interface Reading {
  /** The last one may not be whole. */
  readonly messages: readonly Message[];
  /** Why nothing can be read behind them; absent: the stream ended there. */
  readonly unclear?: string;
}

type ReadMessage =
  | { readonly kind: 'whole'; readonly message: Message; readonly end: number }
  /** The head is there, the body is not. */
  | { readonly kind: 'begun'; readonly message: Message; readonly unclear?: string }
  | { readonly kind: 'partial' }
  | { readonly kind: 'unclear'; readonly reason: string };

/** Reads every request of a stream, up to what can be read in two ways. */
export function readRequests(text: string): Reading {
  const messages: Message[] = [];
  for (let at = 0; at < text.length; ) {
    const read = readRequest(text, at);
    if (read.kind === 'partial') break;
    if (read.kind === 'unclear') return { messages, unclear: read.reason };
    messages.push(read.message);
    if (read.kind === 'begun')
      return { messages, ...(read.unclear !== undefined && { unclear: read.unclear }) };
    at = read.end;
  }
  return { messages };
}

/** The request at this place. A reading of our own, that shares nothing with what is tested. */
export function readRequest(text: string, start: number): ReadMessage {
  let at = start;
  // Empty lines before a request are passed over, a bare LF too (RFC 9112 §2.2): nothing is in them.
  while (text[at] === '\r' || text[at] === '\n') at += 1;
  const line = readLine(text, at);
  if (line.kind !== 'read') return line;
  // Several spaces are one to some (RFC 9112 §3): no part of the target either way.
  const [method = '', target = '', version = '', ...rest] = line.value.split(/ +/);
  if (rest.length > 0 || !isToken(method) || !/^[\x21-\x7e\x80-\xff]+$/.test(target))
    return unclear(`the request line ${JSON.stringify(line.value)}`);
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') return unclear(`the version ${version}`);
  const read = readFields(text, line.end);
  if (read.kind !== 'read') return read;
  const head = { method, target, version, fields: read.value };
  const sizes = valuesOf(read.value, 'content-length');
  const codings = valuesOf(read.value, 'transfer-encoding');
  if (codings.length > 0) {
    if (sizes.length > 0) return unclear('both Content-Length and Transfer-Encoding');
    if (version === 'HTTP/1.0') return unclear('Transfer-Encoding in HTTP/1.0');
    if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') return unclear('a Transfer-Encoding');
    const chunks = readChunks(text, read.end);
    if (chunks.kind === 'read') {
      const message = { ...head, ...chunks.value, isChunked: true, isWhole: true };
      return { kind: 'whole', message, end: chunks.end };
    }
    const message = { ...head, body: chunks.soFar, isChunked: true, trailers: [], isWhole: false };
    return { kind: 'begun', message, ...(chunks.kind === 'unclear' && { unclear: chunks.reason }) };
  }
  if (sizes.length > 1 || !/^\d{0,15}$/.test(sizes[0] ?? '') || sizes[0] === '')
    return unclear('a Content-Length');
  const length = Number(sizes[0] ?? 0);
  const body = text.slice(read.end, read.end + length);
  const message = { ...head, body, isChunked: false, trailers: [], isWhole: body.length === length };
  return message.isWhole ? { kind: 'whole', message, end: read.end + length } : { kind: 'begun', message };
}
