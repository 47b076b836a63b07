import type { Duplex } from 'node:stream';
import { DENY_CODES, type DenyCode } from '../http/deny-codes.ts';
import { problemOf } from '../http/problem.ts';
import { nextDecisionId } from './decision-id.ts';

/** What the HTTP parser or its timers say of a connection, as a deny code. */
export function denyCodeOf(error: {
  readonly code?: string | undefined;
  readonly rawPacket?: Buffer | undefined;
}): DenyCode {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'fields_too_large';
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  // The parser does not know TRACK; to the client it is what TRACE is.
  if (error.code === 'HPE_INVALID_METHOD' && error.rawPacket?.subarray(0, 6).toString('latin1') === 'TRACK ')
    return 'method_not_allowed';
  return 'request_malformed';
}

/** The connection is gone already, the client only went away or cannot be spoken to yet: there is nobody to answer. */
export function isSilent(error: { readonly code?: string | undefined }, socket: Duplex): boolean {
  if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return true;
  return error.code === 'ECONNRESET' || error.code === 'EPIPE' || !socket.writable || socket.destroyed;
}

/** Answers where no request exists to answer, and closes: nothing that follows could be understood. Returns the decision id. */
export function sendConnectionError(socket: Duplex, code: DenyCode): string {
  const decisionId = nextDecisionId();
  const problem = problemOf(code, decisionId);
  const { status } = DENY_CODES[code];
  socket.end(
    [
      `HTTP/1.1 ${status} ${DENY_CODES[code].title}`,
      `Content-Type: ${problem.contentType}`,
      `Content-Length: ${Buffer.byteLength(problem.body)}`,
      'Cache-Control: no-store',
      'X-Content-Type-Options: nosniff',
      `Gatehouse-Decision-Id: ${decisionId}`,
      ...(code === 'method_not_allowed' ? ['Allow: '] : []),
      'Connection: close',
      '',
      problem.body,
    ].join('\r\n'),
  );
  return decisionId;
}
