import { isUtf8 } from 'node:buffer';
import { isIP } from 'node:net';
import { type Denial, denial } from '../authorization/denial.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { CheckedHttp, CheckRequest, CheckResponse, HeaderValueOption } from './check-messages.ts';
import { type CheckedRequest, readMethod, readScheme } from './checked-request.ts';
import type { CheckAnswer } from './dialect.ts';
import { REMOVAL_FIELD } from './envoy-dialect.ts';

/** Of google.rpc.Code. */
const OK = 0;
const PERMISSION_DENIED = 7;
/** Of HeaderAppendAction. */
const APPEND = 0;
const OVERWRITE = 2;

/** Where a second cookie pair seems to begin inside of a value. */
const JOINED_COOKIES = /,[!#$%&'*+\-.^_`|~0-9A-Za-z]+=/;

/** What Envoy asks. What it does not say, or says in two ways, is refused; `fieldBytes`: limit of names and values together. */
export function readCheck({ attributes }: CheckRequest, fieldBytes: number): Result<CheckedRequest, Denial> {
  const { source, request: { http } = {} } = attributes ?? {};
  if (http === undefined) return malformed('Envoy does not say the HTTP request');
  const { path = '', host = '' } = http;
  if (path === '') return malformed('Envoy does not say the path');
  if (host === '') return malformed('Envoy does not say the host');
  const method = readMethod(http.method ?? '');
  if (!method.ok) return method;
  const scheme = readScheme(http.scheme ?? '');
  if (!scheme.ok) return scheme;
  const peer = source?.address?.socketAddress?.address ?? '';
  if (isIP(peer) === 0) return malformed('Envoy does not say the address of its peer');
  const fields = readFields(http);
  if (!fields.ok) return fields;
  if (fields.value.reduce((bytes, text) => bytes + text.length, 0) > fieldBytes)
    return err(denial('fields_too_large', `more than ${fieldBytes} bytes of fields`));
  const forwardedFor = forwardedForOf(fields.value, peer);
  if (!forwardedFor.ok) return forwardedFor;
  return ok({
    method: method.value,
    target: path,
    host,
    scheme: scheme.value,
    forwardedFor: forwardedFor.value,
    fields: fields.value,
  });
}

/** The answer that Envoy gets over HTTP, as a message. */
export function checkResponse({ status, fields, body }: CheckAnswer): CheckResponse {
  const headers: HeaderValueOption[] = [];
  const headersToRemove: string[] = [];
  const names = new Set<string>();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const key = (fields[index] ?? '').toLowerCase();
    const value = Buffer.from(fields[index + 1] ?? '', 'latin1').toString('utf8');
    if (key === REMOVAL_FIELD) {
      headersToRemove.push(...value.split(',').filter((name) => name !== ''));
      continue;
    }
    // Several challenges are several fields of one name.
    headers.push({ header: { key, value }, appendAction: names.has(key) ? APPEND : OVERWRITE });
    names.add(key);
  }
  if (status === 200) return { status: { code: OK }, okResponse: { headers, headersToRemove } };
  return { status: { code: PERMISSION_DENIED }, deniedResponse: { status: { code: status }, headers, body } };
}

/** Name, value … of the client's fields, each character a byte, as node:http has them. */
function readFields({ headers = [], headerMap }: CheckedHttp): Result<string[], Denial> {
  if (headers.length > 0 && headerMap !== undefined) return malformed('Envoy says the fields in two ways');
  const fields: string[] = [];
  for (const { key = '', value = '', rawValue } of headerMap?.headers ?? headers) {
    const name = key.toLowerCase();
    if (name.startsWith(':')) continue;
    const bytes = Buffer.from(rawValue ?? value);
    // What is left of it goes back to Envoy, as text, and takes the place of what came.
    if (name === 'cookie' && (!isUtf8(bytes) || (rawValue === undefined && JOINED_COOKIES.test(value))))
      return malformed('Cookie is not UTF-8, or two of them joined by a comma');
    fields.push(name, bytes.toString('latin1'));
  }
  return ok(fields);
}

/**
 * The peer of Envoy came last, whatever X-Forwarded-For says: Envoy appends it there or not, as it is configured. What is before it counts
 * if the peer is a trusted proxy.
 */
function forwardedForOf(fields: readonly string[], peer: string): Result<string, Denial> {
  let forwardedFor: string | undefined;
  for (let index = 0; index + 1 < fields.length; index += 2) {
    if (fields[index] !== 'x-forwarded-for') continue;
    if (forwardedFor !== undefined) return malformed('x-forwarded-for came twice');
    forwardedFor = fields[index + 1] ?? '';
  }
  return ok(forwardedFor === undefined ? peer : `${forwardedFor}, ${peer}`);
}

function malformed(reason: string): Result<never, Denial> {
  return err(denial('request_malformed', reason));
}
