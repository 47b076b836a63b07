import { type Field, valuesOf } from '../read/grammar.ts';
import type { Message } from '../read/request.ts';
import { SESSION_COOKIE } from '../scene/credentials.ts';
import { fold, type Model, routeOf } from './model.ts';

/** Written by the gateway, each once at most; a client's own is not among what it wrote. Folded names. */
const OURS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'cookie',
  'host',
  'traceparent',
  'tracestate',
  'transfer-encoding',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-gatehouse-assertion',
  'x-tenant-id',
  'x-user-id',
]);
const IDENTITY = ['x-tenant-id', 'x-user-id', 'x-gatehouse-assertion'] as const;
/** Never anything of a client's. Folded names, and beginnings of them. */
const FORBIDDEN =
  /^(?:authorization|x-api-key|dpop|signature|signature-input|forwarded|x-real-ip|x-original-(?:url|uri|host|method)|x-rewrite-url|x-http-method.*|x-forwarded-.*|x-gatehouse-.*|gatehouse-.*|proxy|proxy-(?:connection|authorization|authenticate|authentication-info)|keep-alive|te|trailer|upgrade|expect|http2-settings)$/;

/** What is wrong with a request that arrived, if it stands for this one of the client's. */
export function faultInForwarded(arrived: Message, sent: Message, model: Model): string | undefined {
  const route = routeOf(arrived);
  if (route === undefined) return 'its path is under no route, or can be read in two ways';
  return (
    faultInIdentity(arrived, sent, route, model) ?? faultInFields(arrived, sent) ?? faultInBody(arrived, sent)
  );
}

function faultInIdentity(
  arrived: Message,
  sent: Message,
  route: 'public' | 'protected',
  model: Model,
): string | undefined {
  const [host, ...others] = valuesOf(sent.fields, 'host');
  if (host === undefined || others.length > 0) return 'the client did not name one host';
  const present = IDENTITY.map((name) => valuesOf(arrived.fields, name));
  if (route === 'public')
    return present.every((values) => values.length === 0)
      ? undefined
      : 'it has an identity on a public route';
  const tenant = model.tenantOf(sent.fields);
  if (tenant === undefined) return 'nothing that the client presented admits it';
  if (present.some((values) => values.length !== 1)) return 'a field of its identity is not there once';
  const [[said = ''] = [], , [assertion = ''] = []] = present;
  if (said !== tenant) return `it acts for ${said}, and the credential is of ${tenant}`;
  const claims = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString()) as {
    tenant?: unknown;
  };
  if (claims.tenant !== tenant) return `it is asserted for ${JSON.stringify(claims.tenant)}, not ${tenant}`;
  const named = /^([^:]+)\.gw\.test\.?(?::\d+)?$/i.exec(host)?.[1]?.toLowerCase();
  return named === undefined || named === tenant ? undefined : `the host is that of ${named}`;
}

function faultInFields(arrived: Message, sent: Message): string | undefined {
  const nominated = valuesOf(sent.fields, 'connection').flatMap((value) =>
    value.split(',').map((name) => fold(name.trim())),
  );
  const left = sent.fields.map(keyOf);
  const seen = new Set<string>();
  for (const field of arrived.fields) {
    const [name, value] = field;
    const folded = fold(name);
    if (OURS.has(folded)) {
      if (seen.has(folded)) return `${name} is there twice`;
      seen.add(folded);
      const cookies = folded === 'cookie' ? value.split(/[;,\s]/) : [];
      if (cookies.some((cookie) => cookie.startsWith(`${SESSION_COOKIE}=`)))
        return 'it has the session cookie';
      continue;
    }
    if (FORBIDDEN.test(folded)) return `it has ${name}`;
    if (nominated.includes(folded)) return `it has ${name}, which Connection named`;
    const place = left.indexOf(keyOf(field));
    if (place === -1) return `it has ${name}: ${JSON.stringify(value)}, which nobody sent`;
    left.splice(place, 1);
  }
  if (valuesOf(arrived.fields, 'via').join() !== '1.1 gatehouse') return 'Via is not ours';
  if (valuesOf(arrived.fields, 'x-forwarded-for').join() !== '127.0.0.1')
    return 'X-Forwarded-For is not ours';
  return valuesOf(arrived.fields, 'host').length === 1 ? undefined : 'Host is not there once';
}

function keyOf([name, value]: Field): string {
  return `${name}: ${value}`;
}

const BODILESS = ['GET', 'HEAD'];

function faultInBody(arrived: Message, sent: Message): string | undefined {
  if (arrived.trailers.length > 0) return 'it has trailers';
  if (arrived.isWhole && arrived.body === '' && BODILESS.includes(sent.method)) return undefined;
  if (!arrived.isWhole)
    return sent.body.startsWith(arrived.body) ? undefined : 'it has another body, broken off';
  if (!sent.isWhole) return 'its body is whole, and what was sent is not';
  return arrived.body === sent.body ? undefined : 'it has another body';
}
