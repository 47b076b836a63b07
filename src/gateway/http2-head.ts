import { METHODS } from 'node:http';
import { type Denial, denial } from '../authorization/denial.ts';
import { type ReceivedFields, SLOTS } from '../http/received-fields.ts';
import type { ReceivedMessage } from '../upstream/client-side.ts';
import { type Framing, readFraming } from './framing.ts';

/** A request's head in the form that HTTP/1.1 has for it. */
export interface Http2Head {
  readonly method: string;
  /** Empty for CONNECT, which has none. */
  readonly target: string;
  /** Name, value …: Host first, one Cookie at most. */
  readonly rawHeaders: string[];
}

/**
 * Reads the fields of a HEADERS frame (RFC 9113 §8.3.1): `:authority` is Host. A Host that says the same goes; another one stays as a
 * second Host, which is refused like any other. Cookies come in crumbs (§8.2.3). The scheme says nothing that the connection does not say.
 *
 * @param raw name, value …, the pseudo-header fields first and each once, as nghttp2 sees to
 */
export function readHttp2Head(raw: readonly string[]): Http2Head {
  let method = '';
  let target = '';
  let authority: string | undefined;
  let cookie: string | undefined;
  const rawHeaders: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const value = raw[index + 1] ?? '';
    if (name === ':method') method = value;
    else if (name === ':path') target = value;
    else if (name === ':authority') {
      authority = value;
      rawHeaders.push('host', value);
    } else if (name === 'cookie') cookie = cookie === undefined ? value : `${cookie}; ${value}`;
    else if (!name.startsWith(':') && !(name === 'host' && value === authority)) rawHeaders.push(name, value);
  }
  if (cookie !== undefined) rawHeaders.push('cookie', cookie);
  return { method, target, rawHeaders };
}

/** TRACK is refused by its name, like TRACE. */
const KNOWN_METHODS: ReadonlySet<string> = new Set([...METHODS, 'TRACK']);

/**
 * How the body of a stream is framed: by the end of the stream, and by a Content-Length that nghttp2 holds the DATA frames to. What
 * a parser of HTTP/1.1 would have refused is refused here. `isWhole`: the stream ended with its head. `mostBytes`: of the header section,
 * counted as HTTP/1.1 would spell it.
 */
export function readHttp2Framing(
  { method = '', rawHeaders, complete: isWhole }: Pick<ReceivedMessage, 'method' | 'rawHeaders' | 'complete'>,
  fields: ReceivedFields,
  mostBytes: number,
): Framing | Denial {
  if (lengthOf(rawHeaders) > mostBytes)
    return denial('fields_too_large', `a header section of more than ${mostBytes} bytes`);
  if (!KNOWN_METHODS.has(method)) return denial('request_malformed', 'a method that HTTP does not know');
  if (fields.values[SLOTS.transferEncoding] !== undefined || fields.values[SLOTS.connection] !== undefined)
    return denial('request_malformed', 'a field of a connection in HTTP/2');
  const framing = readFraming(fields, '1.1');
  if ('code' in framing || isWhole || framing.kind === 'sized') return framing;
  // The end of the stream is still to come, whatever is before it: a body of no bytes is not known to be one until then (RFC 9113 §8.1.1).
  return fields.values[SLOTS.contentLength] === undefined
    ? { kind: 'chunked' }
    : { kind: 'sized', length: 0 };
}

/** `Name: value` and the end of the line, of each. */
function lengthOf(rawHeaders: readonly string[]): number {
  return rawHeaders.reduce((length, text) => length + text.length + 2, 0);
}
