/** What the lines of the demo are held to. Each says in a phrase what was wrong. */
import { createHash } from 'node:crypto';
import { foldFieldName } from '../../src/http/field-names.ts';
import type { ReceivedRequest } from '../legacy-api/received.ts';
import { type Check, type DemoRequest, outputOf } from './demo-line.ts';

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** All values under the name, as an upstream of the CGI kind would read it: `X_Tenant-Id` is `X-Tenant-Id`. */
export function valuesOf({ fields }: ReceivedRequest, name: string): readonly string[] {
  const wanted = foldFieldName(name);
  return fields.filter(([field]) => foldFieldName(field) === wanted).map(([, value]) => value);
}

export function answers(status: number): Check {
  return ({ answer }) =>
    answer?.status === status ? undefined : `the status is ${answer?.status ?? 'absent'}, not ${status}`;
}

/** A problem document with this code (RFC 9457). */
export function refuses(status: number, code: string): Check {
  return (outcome) => {
    const complaint = answers(status)(outcome);
    if (complaint !== undefined) return complaint;
    const found = denyCodeOf(outcome.answer?.body);
    return found === code ? undefined : `the code is ${found ?? 'absent'}, not ${code}`;
  };
}

/** The `code` of a problem document. */
export function denyCodeOf(body: Buffer | undefined): string | undefined {
  try {
    const problem: unknown = JSON.parse(body?.toString() ?? '');
    const code: unknown =
      typeof problem === 'object' && problem !== null ? Reflect.get(problem, 'code') : undefined;
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 9110 §11.6.1: a 401 says how to authenticate. */
export const challenges: Check = ({ answer }) =>
  answer?.fields.some(([name]) => name === 'www-authenticate') === true
    ? undefined
    : 'there is no WWW-Authenticate';

export const reachesNobody: Check = ({ received }) =>
  received.length === 0
    ? undefined
    : `the legacy API received ${received.map(({ target }) => target).join(', ')}`;

/** One request reached the legacy API, with each of these fields exactly once; `undefined`: without it, or empty. */
export function arrivesWith(expected: Readonly<Record<string, string | undefined>>): Check {
  return ({ received }) => {
    const [request] = received;
    if (request === undefined || received.length > 1)
      return `the legacy API received ${received.length} requests, not 1`;
    for (const [name, value] of Object.entries(expected)) {
      const values = valuesOf(request, name).filter((each) => value !== undefined || each !== '');
      const isRight = value === undefined ? values.length === 0 : values.length === 1 && values[0] === value;
      if (!isRight)
        return `the legacy API received ${name}: ${values.join(' and ') || 'nothing'}, not ${value ?? 'nothing'}`;
    }
    return undefined;
  };
}

/** No field at the legacy API has the client's credential in it, unless it is the very one that the legacy API wants. */
export function keepsCredentialFrom({ fields }: DemoRequest, known: readonly string[]): Check {
  const secrets = fields
    .filter(([name]) => /^(?:x-api-key|authorization|cookie)$/i.test(name))
    .map(([, value]) => value.replace(/^(?:Bearer |[\w-]+=)/, ''))
    .filter((secret) => !known.includes(secret));
  return ({ received }) => {
    const leaks = received
      .flatMap((request) => request.fields)
      .filter(([, value]) => secrets.some((secret) => value.includes(secret)));
    return leaks.length === 0
      ? undefined
      : `the client's credential reached the legacy API in ${leaks[0]?.[0]}`;
  };
}

export function bodyHas(part: string): Check {
  return ({ answer }) => (answer?.body.includes(part) === true ? undefined : `the body lacks ${part}`);
}

/** The same bytes and the same type as the legacy API itself answers. */
export function bodyIsThatOf(url: string, key: string): Check {
  return async ({ answer }) => {
    const direct = await fetch(url, { headers: { 'x-api-key': key } });
    const bytes = Buffer.from(await direct.arrayBuffer());
    if (answer?.body.equals(bytes) !== true) return 'the body is not byte for byte that of the legacy API';
    const type = answer.fields.find(([name]) => name === 'content-type')?.[1];
    return type === direct.headers.get('content-type') ? undefined : `the Content-Type became ${type}`;
  };
}

export function prints(pattern: RegExp): Check {
  return (outcome) => {
    if (outcome.exitCode !== 0) return `it ended with exit code ${outcome.exitCode}`;
    return pattern.test(outputOf(outcome).toString()) ? undefined : `it did not print ${pattern.source}`;
  };
}

export function hides(secrets: readonly string[]): Check {
  return (outcome) => {
    const printed = outputOf(outcome).toString();
    return secrets.some((secret) => printed.includes(secret)) ? 'it printed a secret' : undefined;
  };
}

/** The text was there this long before the end, or longer. */
export function showsEarly(text: string, millisecondsBeforeEnd: number): Check {
  return ({ output, endedAtMs }) => {
    let seen = '';
    for (const { atMs, bytes } of output) {
      seen += bytes.toString('latin1');
      if (!seen.includes(text)) continue;
      const early = endedAtMs - atMs;
      return early >= millisecondsBeforeEnd
        ? undefined
        : `the first event came only ${Math.round(early)} ms before the end`;
    }
    return `it did not print ${text}`;
  };
}
