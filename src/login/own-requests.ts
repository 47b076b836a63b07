import { isFieldValue } from '../assertion/field-value.ts';
import { createUpstreamCredentials } from '../assertion/upstream-credentials.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { Outage } from '../base/outage.ts';
import type { UpstreamSettings } from '../config/schema/config.ts';
import { createCookieFilter } from '../http/cookies.ts';
import { foldFieldName } from '../http/field-names.ts';
import type { Jar, KeptField } from '../sessions/jar.ts';
import { cookieFieldFor, keepCookiesIn, readKeptCookies } from '../sessions/kept-cookies.ts';
import { readSetCookie } from '../sessions/set-cookie.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import type { OwnAnswer, Target, Upstream } from '../upstream/upstream.ts';
import type { ReceivedLogin, UpstreamAnswer } from './login-bridge.ts';

/** Most bytes of an answer's body. */
const ANSWER_BYTES = 1024 * 1024;

/** For whom a request is made, as far as the upstream is told. */
export interface RequestClient {
  readonly peer: string;
  readonly userAgent?: string;
  /** `scheme://authority` as the client sees the gateway. */
  readonly origin: string;
}

/** A request to the upstream of a login. */
export interface LoginRequest {
  readonly method: string;
  readonly target: string;
  readonly tenant: KnownTenant;
  /** Absent: nobody waits for it. */
  readonly client?: RequestClient;
  /** Name, value …; they win over what the upstream is sent anyway. */
  readonly fields: readonly string[];
  readonly body?: { readonly contentType: string; readonly bytes: Buffer };
  /** The client's own request, whose body and fields are sent on. */
  readonly received?: ReceivedLogin;
  readonly jar: Jar;
  readonly timeoutMilliseconds: number;
  readonly now: EpochMilliseconds;
}

export interface LoginAnswer extends UpstreamAnswer {
  readonly setCookies: readonly string[];
  /** The jar with every cookie that the answer set, whatever its name. */
  readonly jar: Jar;
}

/** Throws `AskFailed`, and `Outage` for what the request lacks. */
export type SendLoginRequest = (request: LoginRequest) => Promise<LoginAnswer>;

/** Never sent on with a client's own request: the answer has to be readable, and to be an answer. Folded names. */
const NOT_SENT_ON: ReadonlySet<string> = new Set([
  'accept-encoding',
  'cookie',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
]);

/**
 * Sends requests of the gateway's own to the upstream of a login: as forwarded ones to Host, `X-Forwarded-*` and the upstream's own
 * credentials, with the cookies and fields of a jar.
 *
 * @param hiddenCookies names of cookies that a client's own request does not bring to the upstream
 * @param publicUrl of the gateway: what the upstream is told where no client waits
 */
export function createLoginRequests(
  upstream: Upstream,
  settings: Pick<UpstreamSettings, 'host' | 'basePath' | 'credentials'>,
  hiddenCookies: ReadonlySet<string>,
  publicUrl?: string,
): SendLoginRequest {
  const credentials = createUpstreamCredentials(settings.credentials);
  if (!credentials.ok) throw new Error(`the credentials of the upstream ${upstream.name} are unusable`);
  const upstreamCredentials = credentials.value;
  const basePath = settings.basePath ?? '';

  function ownFields(request: LoginRequest, target: Target): string[] {
    const { tenant, client, jar, body, received, method } = request;
    const origin = client?.origin ?? originFor(tenant, publicUrl);
    const authority = hostFor(settings.host, target, origin);
    const [path, query] = splitTarget(basePath + request.target);
    const fields = ['Host', authority];
    if (origin !== undefined) fields.push(...originFields(origin));
    if (client !== undefined) fields.push(...clientFields(client, received !== undefined));
    fields.push('Via', '1.1 gatehouse');
    if (received === undefined) fields.push('Accept', 'application/json, text/html;q=0.5, */*;q=0.1');
    if (body !== undefined) fields.push('Content-Type', body.contentType);
    upstreamCredentials.write(
      {
        principal: undefined,
        clientPrincipal: undefined,
        tenant,
        lendsTenantCredentials: true,
        now: request.now,
        method,
        authority,
        path,
        query,
        contentDigest: undefined,
      },
      fields,
    );
    for (const kept of keptFields(jar, upstream.name)) replaceField(fields, kept.name, kept.value);
    for (let index = 0; index + 1 < request.fields.length; index += 2)
      replaceField(fields, request.fields[index] ?? '', request.fields[index + 1] ?? '');
    const cookies = [
      received === undefined ? '' : clientCookies(received.fields, hiddenCookies),
      cookieFieldFor(jar, upstream.name, basePath + request.target, request.now),
    ].filter((each) => each !== undefined && each !== '');
    if (cookies.length > 0) fields.push('Cookie', cookies.join('; '));
    return fields;
  }

  return async (request) => {
    const { received, tenant, client } = request;
    const body = received?.body ?? request.body?.bytes;
    const answer = await upstream.ask({
      method: request.method,
      target: request.target,
      fieldsFor(target) {
        const own = ownFields(request, target);
        return received === undefined ? own : [...sentOn(received.fields, own), ...own];
      },
      ...(body !== undefined && { body }),
      tenant: tenant.id,
      timeoutMilliseconds: request.timeoutMilliseconds,
      answerLimit: ANSWER_BYTES,
      ...(received !== undefined && client !== undefined && { publicOrigin: client.origin }),
    });
    return readAnswer(answer, request, upstream.name, basePath + request.target);
  };
}

function splitTarget(target: string): readonly [path: string, query: string] {
  const mark = target.indexOf('?');
  return mark === -1 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
}

/** How clients of a tenant reach the gateway, where none waits. */
function originFor({ hosts: [host] }: KnownTenant, publicUrl: string | undefined): string | undefined {
  if (publicUrl === undefined) return host === undefined ? undefined : `https://${host}`;
  const { protocol, host: publicHost } = new URL(publicUrl);
  return `${protocol}//${host ?? publicHost}`;
}

function hostFor(host: UpstreamSettings['host'], target: Target, origin: string | undefined): string {
  if (typeof host === 'object') return host.fixed;
  return host === 'upstream' || origin === undefined ? target.authority : new URL(origin).host;
}

function originFields(origin: string): readonly string[] {
  const { protocol, host } = new URL(origin);
  return ['X-Forwarded-Proto', protocol.slice(0, -1), 'X-Forwarded-Host', host];
}

function clientFields({ peer, userAgent }: RequestClient, isReceived: boolean): readonly string[] {
  const isTold = !isReceived && userAgent !== undefined && isFieldValue(userAgent);
  return ['X-Forwarded-For', peer, ...(isTold ? ['User-Agent', userAgent] : [])];
}

function keptFields(jar: Jar, upstream: string): readonly KeptField[] {
  return jar.fields.filter((field) => field.upstream === upstream);
}

/** One field of a name, in whatever spelling. Throws `Outage('login_unavailable')` for what no field can carry. */
function replaceField(fields: string[], name: string, value: string): void {
  if (!isFieldValue(value)) throw new Outage('login_unavailable', `no field can carry the value for ${name}`);
  const folded = foldFieldName(name);
  for (let index = fields.length - 2; index >= 0; index -= 2)
    if (foldFieldName(fields[index] ?? '') === folded) fields.splice(index, 2);
  fields.push(name, value);
}

/** Of the client's fields, those that nothing of ours takes the place of. */
function sentOn(received: readonly string[], own: readonly string[]): readonly string[] {
  const taken = new Set(NOT_SENT_ON);
  for (let index = 0; index < own.length; index += 2) taken.add(foldFieldName(own[index] ?? ''));
  const fields: string[] = [];
  for (let index = 0; index + 1 < received.length; index += 2) {
    const name = received[index] ?? '';
    if (!taken.has(foldFieldName(name))) fields.push(name, received[index + 1] ?? '');
  }
  return fields;
}

function clientCookies(fields: readonly string[], hidden: ReadonlySet<string>): string {
  return createCookieFilter(hidden)(valuesOf(fields, 'cookie').join('; '));
}

function readAnswer(
  answer: OwnAnswer,
  { jar, now }: LoginRequest,
  upstream: string,
  path: string,
): LoginAnswer {
  const setCookies = valuesOf(answer.fields, 'set-cookie');
  const names = setCookies.map((field) => readSetCookie(field, path, now)?.name ?? '');
  const set = readKeptCookies(setCookies, { upstream, kept: new Set(names), jar, path, now });
  return {
    status: answer.status,
    fields: withoutFields(answer.fields, ['set-cookie', 'content-length']),
    body: answer.body,
    setCookies,
    jar: keepCookiesIn(jar, set),
  };
}

/** Values of the fields of a name, which is given in lower case. */
export function valuesOf(fields: readonly string[], name: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2)
    if (fields[index]?.toLowerCase() === name) values.push(fields[index + 1] ?? '');
  return values;
}

function withoutFields(fields: readonly string[], names: readonly string[]): readonly string[] {
  const left: string[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] ?? '';
    if (!names.includes(name.toLowerCase())) left.push(name, fields[index + 1] ?? '');
  }
  return left;
}
