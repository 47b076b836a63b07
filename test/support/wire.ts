import type { DenyCode } from '../../src/http/deny-codes.ts';
import type { RawAnswer } from './raw-client.ts';

/** A request that closes its connection, as it goes over the wire. `line`: `GET /path`. Latin-1. */
export function wire(
  line: string,
  fields: readonly string[] = [],
  { host = 'gw.test', body = '' }: { readonly host?: string; readonly body?: string } = {},
): string {
  return [`${line} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...fields, '', body].join('\r\n');
}

/** The deny code of a refusal; fails on an answer that is none. */
export function codeOf(answer: RawAnswer): DenyCode {
  const body: unknown = JSON.parse(answer.body.toString());
  if (typeof body !== 'object' || body === null || !('code' in body))
    throw new Error(`no refusal: ${answer.startLine} ${answer.body.toString().slice(0, 300)}`);
  return body.code as DenyCode;
}

/** Status, and the code where it is a refusal: `200`, `401 credential_missing`. */
export function outcomeOf(answer: RawAnswer): string {
  const isRefusal = answer.field('content-type') === 'application/problem+json';
  return isRefusal ? `${answer.status} ${codeOf(answer)}` : String(answer.status);
}
