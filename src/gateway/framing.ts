import { type Denial, denial } from '../authorization/denial.ts';
import { isRepeated, type ReceivedFields, SLOTS } from '../http/received-fields.ts';
import type { PaceRules } from '../upstream/body-pace.ts';
import type { RequestBody } from '../upstream/upstream.ts';

/** How the body of a request is framed. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'sized'; readonly length: number }
  | { readonly kind: 'chunked' };

const NONE: Framing = { kind: 'none' };
const CHUNKED: Framing = { kind: 'chunked' };

/**
 * The one framing that a message may have. The parser has refused the crudest conflicts; what it lets through and
 * another parser might read differently is refused here (RFC 9112 §6.1). `httpVersion`: `1.1` or `1.0`; others are refused.
 */
export function readFraming(fields: ReceivedFields, httpVersion: string): Framing | Denial {
  // The parser takes a missing version for 0.9, and 0.9 and 2.0 for versions that have fields.
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return denial('request_malformed', 'an HTTP version other than 1.0 and 1.1');
  const transferEncoding = fields.values[SLOTS.transferEncoding];
  const contentLength = fields.values[SLOTS.contentLength];
  if (transferEncoding !== undefined) {
    if (httpVersion === '1.0') return denial('request_malformed', 'Transfer-Encoding in an HTTP/1.0 message');
    if (contentLength !== undefined)
      return denial('request_malformed', 'both Content-Length and Transfer-Encoding');
    if (isRepeated(fields, SLOTS.transferEncoding) || transferEncoding.toLowerCase() !== 'chunked') {
      return denial('request_malformed', 'a Transfer-Encoding other than chunked alone');
    }
    return CHUNKED;
  }
  if (contentLength === undefined) return NONE;
  if (isRepeated(fields, SLOTS.contentLength) || !/^\d{1,15}$/.test(contentLength)) {
    return denial('request_malformed', 'a Content-Length that is no single number');
  }
  const length = Number(contentLength);
  return length === 0 ? NONE : { kind: 'sized', length };
}

const BODILESS: RequestBody = { kind: 'none' };

/** The body as it is forwarded; `undefined`: it says itself that it is over the limit, bytes. */
export function requestBodyOf(
  framing: Framing,
  limit: number,
  { idleMilliseconds, bytesPerSecond }: PaceRules,
): RequestBody | undefined {
  if (framing.kind === 'none') return BODILESS;
  if (framing.kind === 'chunked') return { kind: 'chunked', limit, idleMilliseconds, bytesPerSecond };
  return framing.length > limit
    ? undefined
    : { kind: 'sized', length: framing.length, idleMilliseconds, bytesPerSecond };
}
