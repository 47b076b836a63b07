/** What the legacy API could do with the signed fields, if somebody taught it. */
import { createHmac } from 'node:crypto';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import type { ReceivedRequest } from '../legacy-api/received.ts';
import { valuesOf } from './checks.ts';
import type { Check } from './demo-line.ts';

/** The assertion verifies with the keys that the gateway publishes, is meant for the legacy API, and names the tenant. */
export function assertionNames(tenant: string, jwksUri: string): Check {
  return async ({ received: [request] }) => {
    const [token] = request === undefined ? [] : valuesOf(request, 'X-Gatehouse-Assertion');
    if (token === undefined) return 'there is no assertion';
    const published = (await (await fetch(jwksUri)).json()) as JSONWebKeySet;
    try {
      const { payload } = await jwtVerify(token, createLocalJWKSet(published), {
        audience: 'legacy',
        typ: 'gatehouse-assertion+jwt',
      });
      return payload['tenant'] === tenant
        ? undefined
        : `the assertion names the tenant ${String(payload['tenant'])}`;
    } catch (error) {
      return `the assertion does not verify: ${error instanceof Error ? error.message : String(error)}`;
    }
  };
}

/** The value of a component of the signature (RFC 9421 §2). */
function componentOf(name: string, request: ReceivedRequest): string {
  const [path = '', ...query] = request.target.split('?');
  switch (name) {
    case '@method':
      return request.method;
    case '@authority':
      return valuesOf(request, 'Host')[0]?.toLowerCase() ?? '';
    case '@path':
      return path;
    case '@query':
      return `?${query.join('?')}`;
    default:
      return valuesOf(request, name).join(', ');
  }
}

/** The request signature is right for the request as it arrived, and covers these fields. */
export function signatureCovers(names: readonly string[], secret: string): Check {
  return ({ received: [request] }) => {
    if (request === undefined) return 'nothing arrived';
    const parameters = /^gatehouse=(\((.*)\);.*)$/.exec(valuesOf(request, 'Signature-Input')[0] ?? '');
    const signature = /^gatehouse=:(.*):$/.exec(valuesOf(request, 'Signature')[0] ?? '')?.[1];
    if (parameters === null || signature === undefined) return 'there is no request signature';
    const components = [...(parameters[2] ?? '').matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '');
    const uncovered = names.filter((name) => !components.includes(name.toLowerCase()));
    if (uncovered.length > 0) return `the signature does not cover ${uncovered.join(', ')}`;
    const base = [
      ...components.map((name) => `"${name}": ${componentOf(name, request)}`),
      `"@signature-params": ${parameters[1]}`,
    ].join('\n');
    const expected = createHmac('sha256', secret).update(base, 'latin1').digest('base64');
    return expected === signature ? undefined : 'the request signature is wrong';
  };
}
