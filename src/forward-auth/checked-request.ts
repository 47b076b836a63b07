import { type IncomingMessage, METHODS } from 'node:http';
import { type Denial, denial } from '../authorization/denial.ts';
import { err, ok, type Result } from '../base/result.ts';

/** The request that a proxy in front asks about, as far as it told us. */
export interface CheckedRequest {
  readonly method: string;
  /** Path and query, as the client sent them. */
  readonly target: string;
  /** Value of Host. */
  readonly host: string | undefined;
  readonly scheme: 'http' | 'https';
  /** Addresses that the request passed, nearest last, as X-Forwarded-For has them; `undefined`: the proxy did not say. */
  readonly forwardedFor: string | undefined;
  /** The client's fields: name, value, name, value … */
  readonly fields: readonly string[];
}

/** What a check request says in one of its own fields. A field that came twice may be the client's and the proxy's. */
export function onlyField(received: IncomingMessage, name: string): Result<string | undefined, Denial> {
  let found: string | undefined;
  const { rawHeaders } = received;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== name) continue;
    if (found !== undefined) return err(denial('request_malformed', `${name} came twice`));
    found = rawHeaders[index + 1] ?? '';
  }
  return ok(found);
}

/** As `onlyField`, for what no decision can be made without. */
export function requiredField(received: IncomingMessage, name: string): Result<string, Denial> {
  const found = onlyField(received, name);
  if (!found.ok) return found;
  if (found.value === undefined || found.value === '')
    return err(denial('request_malformed', `the proxy in front does not say ${name}`));
  return ok(found.value);
}

/** Methods (RFC 9110 §9.1) that the gateway reads where it forwards by itself, so that the decision is the same. */
const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS);

export function readMethod(text: string): Result<string, Denial> {
  return KNOWN_METHODS.has(text) ? ok(text) : err(denial('request_malformed', 'the original method is none'));
}

export function readScheme(text: string | undefined): Result<'http' | 'https', Denial> {
  // Who says nothing gets the scheme on which less is allowed.
  const scheme = (text ?? 'http').toLowerCase();
  return scheme === 'http' || scheme === 'https'
    ? ok(scheme)
    : err(denial('request_malformed', 'the original scheme is neither http nor https'));
}
