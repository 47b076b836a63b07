import { createHmac, timingSafeEqual } from 'node:crypto';
import { verifySignature } from 'http-message-sig';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import type { TestGateway } from '../support/gateway.ts';
import { connectHttp2, readAnswer } from '../support/http2-client.ts';
import { exchangeRaw, type RawAnswer } from '../support/raw-client.ts';
import type { RecordedRequest } from '../support/raw-upstream.ts';
import { wire } from '../support/wire.ts';
import type { Credentials } from './credentials.ts';
import type { ModeName } from './mode-names.ts';
import type { Row } from './row.ts';
import { type ConformanceScene, SIGNATURE_SECRET } from './scene.ts';

/** What became of a request: the decision, and what the upstream got if it got anything. */
export interface Observed {
  readonly decision: string;
  readonly line?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly assertion?: Readonly<Record<string, unknown>> | undefined;
  readonly isSigned?: boolean;
}

/** What a client gets, by any version of HTTP. */
type Answer = Pick<RawAnswer, 'status' | 'body' | 'field'>;

/** Fields of identity and credentials, and of what a client may not say. Several values are joined by ` | `. */
const WATCHED = [
  'x-tenant-id',
  'x-user-id',
  'x-user-roles',
  'x-legacy-key',
  'authorization',
  'x-api-key',
  'cookie',
  'x-tenant',
];
/** A field without a value does not reach the upstream; the signature covers it as empty. */
const SENDS_NO_EMPTY_FIELD: ReadonlySet<ModeName> = new Set(['nginx', 'envoy-grpc']);
/** Claims that say who asks. */
const CLAIMS = ['sub', 'tenant', 'client', 'roles', 'scope'];
const OF_IDENTITY = ['x-tenant-id', 'x-user-id', 'x-user-roles', 'x-gatehouse-assertion'];
const OF_THE_REQUEST = ['@method', '@authority', '@path', '@query'];

export async function observe(
  row: Row,
  port: number,
  mode: ModeName,
  scene: ConformanceScene,
): Promise<Observed> {
  const { upstream, credentials } = scene;
  const before = upstream.requests.length;
  const { body = '', host = 'acme.gw.test' } = row;
  const framing = body === '' ? [] : [`Content-Length: ${body.length}`];
  const fields = [...(row.fields?.(credentials) ?? []), ...framing];
  const how = { host, body };
  const answer =
    mode === 'http2'
      ? await exchangeHttp2(port, scene.ca, row.line, fields, how)
      : await exchangeRaw(port, wire(row.line, fields, how));
  const got = upstream.requests.slice(before);
  const decision = typeof answer === 'string' ? answer : decisionOf(answer, mode, scene);
  if (got.length === 0) return { decision };
  const [request] = got;
  if (request === undefined || got.length > 1) throw new Error(`the upstream got ${got.length} requests`);
  refuseLeaks(request, Object.values(credentials));
  if (request.body.toString() !== body) throw new Error('the upstream got another body');
  return {
    decision,
    line: request.startLine.replace(/ HTTP\/1\.1$/, ''),
    fields: fieldsOf(request),
    assertion: await claimsOf(request, scene),
    isSigned: await isSigned(request, mode, scene),
  };
}

/** What has no body, such as an answer to HEAD or of nginx, has no code: the log does, under the same decision. */
function decisionOf(answer: Answer, mode: ModeName, scene: ConformanceScene): string {
  if (answer.body.length > 0 && answer.field('content-type') === 'application/problem+json') {
    const { code } = JSON.parse(answer.body.toString()) as { readonly code: string };
    return `${answer.status} ${code}`;
  }
  const id = answer.field('gatehouse-decision-id');
  if (id === undefined) return String(answer.status);
  const line =
    gatewayOf(mode, scene)
      .log()
      .split('\n')
      .findLast((each) => each.includes(id)) ?? '{}';
  const { status, code } = JSON.parse(line) as { readonly status?: number; readonly code?: string };
  if (status !== answer.status) throw new Error(`answered ${answer.status}, logged ${status}: ${line}`);
  return `${status} ${code}`;
}

function gatewayOf(mode: ModeName, { proxying, speaking, asked }: ConformanceScene): TestGateway {
  if (mode === 'proxy') return proxying;
  return mode === 'http2' ? speaking : asked;
}

/** The same message by HTTP/2, which has no Connection and no Content-Length that has to be said. Or: the client would not send it, the server reset the stream. */
async function exchangeHttp2(
  port: number,
  ca: string,
  line: string,
  fields: readonly string[],
  { host, body }: { readonly host: string; readonly body: string },
): Promise<Answer | 'unsaid' | 'reset'> {
  const session = await connectHttp2(port, ca);
  const [method, path] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)];
  const raw = [':method', method, ':path', path, ':scheme', 'https', ':authority', host];
  for (const field of fields) {
    const colon = field.indexOf(':');
    const name = field.slice(0, colon).toLowerCase();
    if (name !== 'connection' && name !== 'content-length') raw.push(name, field.slice(colon + 1).trim());
  }
  try {
    const stream = session.request(raw, { endStream: body === '' });
    if (body !== '') stream.end(body);
    return await readAnswer(stream);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_HTTP2_HEADER_SINGLE_VALUE') return 'unsaid';
    if (code === 'ERR_HTTP2_STREAM_ERROR') return 'reset';
    throw error;
  }
}

function refuseLeaks({ head }: RecordedRequest, secrets: readonly string[]): void {
  if (/spoofed/i.test(head)) throw new Error(`the upstream got what the client claims:\n${head}`);
  if (secrets.some((secret) => head.includes(secret)))
    throw new Error(`the upstream got a credential:\n${head}`);
}

function fieldsOf(request: RecordedRequest): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of WATCHED) {
    const value = request.all(name).join(' | ');
    if (value !== '') found[name] = value;
  }
  return found;
}

async function claimsOf(
  request: RecordedRequest,
  { proxying, clock, credentials }: ConformanceScene,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const token = request.all('x-gatehouse-assertion').join(' | ');
  if (token === '') return undefined;
  const published = JSON.parse(
    (await proxying.raw(wire('GET /.well-known/jwks.json'))).body.toString(),
  ) as JSONWebKeySet;
  const { payload } = await jwtVerify(token, createLocalJWKSet(published), {
    issuer: 'https://gw.test',
    audience: 'legacy',
    typ: 'gatehouse-assertion+jwt',
    currentDate: new Date(clock()),
  });
  const found = CLAIMS.filter((name) => payload[name] !== undefined);
  return Object.fromEntries(found.map((name) => [name, named(payload[name], credentials)]));
}

/** An id of a key as the name of that key. */
function named(claim: unknown, credentials: Credentials): unknown {
  const id = typeof claim === 'string' ? /^key:(\w{8})$/.exec(claim)?.[1] : undefined;
  const known = Object.entries(credentials).find(
    ([, text]) => id !== undefined && text.startsWith(`ghk_${id}_`),
  );
  return known === undefined ? claim : `key:${known[0]}`;
}

/** What a legacy stack with an RFC 9421 library finds out: whether the signature is of what it received. */
async function isSigned(
  request: RecordedRequest,
  mode: ModeName,
  { clock }: ConformanceScene,
): Promise<boolean> {
  const [method = '', target = ''] = request.startLine.split(' ');
  const absent = SENDS_NO_EMPTY_FIELD.has(mode)
    ? OF_IDENTITY.filter((name) => request.field(name) === undefined)
    : [];
  const isOfSomebody =
    request.field('x-gatehouse-assertion') !== undefined && request.field('x-gatehouse-assertion') !== '';
  try {
    await verifySignature(
      {
        kind: 'request',
        method,
        targetUri: `http://${request.field('host')}${target}`,
        fields: [...request.fields, ...absent.map((name) => [name, ''] as const)].map(([name, value]) => ({
          name,
          value,
        })),
      },
      {
        label: 'gatehouse',
        policy: {
          algorithms: ['hmac-sha256'],
          requiredComponents: isOfSomebody ? [...OF_THE_REQUEST, ...OF_IDENTITY] : OF_THE_REQUEST,
          requiredParameters: ['created', 'expires', 'keyid', 'nonce', 'alg'],
          now: clock() / 1000,
        },
        resolveVerifier: () => ({
          algorithm: 'hmac-sha256',
          verify: (base, signature) =>
            timingSafeEqual(
              createHmac('sha256', SIGNATURE_SECRET).update(base).digest(),
              Buffer.from(signature),
            ),
        }),
      },
    );
    return true;
  } catch {
    return false;
  }
}
