import type { EndpointAnswer, EndpointCall } from '../../src/endpoints/endpoint.ts';
import { parseSessionId, type SessionId } from '../../src/sessions/session.ts';
import { tenant } from '../support/authentication.ts';
import type { BrowserScene } from './browser-scene.ts';

export const ANNA = { client_id: 'web', username: 'anna', password: 'acme-anna-pw', tenant: 'acme' };

export interface CallOptions {
  /** Lower-case names; a list is a repeated field. */
  readonly fields?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body?: unknown;
  readonly host?: string;
  readonly peer?: string;
}

/** What a page of the gateway's own host sends. */
export const OWN_PAGE = { 'gatehouse-csrf': '1', 'sec-fetch-site': 'same-origin' };

/** Makes a call as the listener does. A body that is no text is sent as JSON. */
export function callOf(method: string, target: string, now: number, options: CallOptions = {}): EndpointCall {
  const { host = 'gw.test', body } = options;
  const fields: CallOptions['fields'] = {
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...options.fields,
  };
  const valuesOf = (name: string): readonly string[] => [fields[name] ?? []].flat();
  const hostTenant = { 'acme.gw.test': 'acme', 'globex.gw.test': 'globex' }[host];
  return {
    method,
    path: target,
    query: '',
    host,
    scheme: 'https',
    origin: `https://${host}`,
    hostTenant: hostTenant === undefined ? undefined : tenant(hostTenant),
    peer: options.peer ?? '192.0.2.7',
    field: (name) => valuesOf(name)[0],
    isRepeated: (name) => valuesOf(name).length > 1,
    forwardable: [],
    body: Buffer.from(typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)),
    now,
    decisionId: 'decision',
  };
}

export interface Answer extends EndpointAnswer {
  readonly json: Readonly<Record<string, unknown>>;
  readonly setCookies: readonly string[];
  /** All values of a field. */
  all(name: string): readonly string[];
}

export async function ask(
  scene: BrowserScene,
  method: string,
  target: string,
  options: CallOptions = {},
): Promise<Answer> {
  const endpoint = scene.endpoints.get(target);
  if (endpoint === undefined) throw new Error(`no endpoint ${target}`);
  const answer = await endpoint.answer(callOf(method, target, scene.now(), options));
  const all = (name: string) =>
    answer.fields.filter((_, index) => index % 2 === 1 && answer.fields[index - 1]?.toLowerCase() === name);
  const text = answer.body.toString();
  return {
    ...answer,
    json: text === '' ? {} : (JSON.parse(text) as Answer['json']),
    setCookies: all('set-cookie'),
    all,
  };
}

/** A browser with one host: keeps our cookies, sends them where their path says, and marks its requests as its own page's. */
export interface Browser {
  readonly cookies: Map<string, { readonly value: string; readonly path: string; readonly isKept: boolean }>;
  ask(method: string, target: string, options?: CallOptions): Promise<Answer>;
  /** The value of Cookie for a path. */
  cookieFor(target: string): string;
  /** Closes and opens it: what had no Max-Age is gone. */
  restart(): void;
}

export const SESSION_COOKIE = '__Host-gatehouse';
export const REMEMBER_COOKIE = '__Secure-gatehouse-remember';

export function openBrowser(scene: BrowserScene, host = 'gw.test'): Browser {
  const cookies: Browser['cookies'] = new Map();
  const cookieFor = (target: string) =>
    [...cookies]
      .filter(([, { path: scope }]) => scope === '/' || target === scope || target.startsWith(`${scope}/`))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ');
  return {
    cookies,
    cookieFor,
    restart() {
      for (const [name, { isKept }] of cookies) if (!isKept) cookies.delete(name);
    },
    async ask(method, target, options = {}) {
      const cookie = cookieFor(target);
      const answer = await ask(scene, method, target, {
        host,
        ...options,
        fields: { ...OWN_PAGE, ...(cookie !== '' && { cookie }), ...options.fields },
      });
      for (const text of answer.setCookies) {
        const [pair = '', ...attributes] = text.split('; ');
        const [name = '', value = ''] = pair.split('=');
        const scope = attributes.find((each) => each.startsWith('Path='))?.slice(5) ?? '';
        const life = attributes.find((each) => each.startsWith('Max-Age='));
        if (life === 'Max-Age=0') cookies.delete(name);
        else cookies.set(name, { value, path: scope, isKept: life !== undefined });
      }
      return answer;
    },
  };
}

/** A browser that is logged in. */
export async function loggedIn(
  scene: BrowserScene,
  body: Readonly<Record<string, unknown>> = {},
  host?: string,
): Promise<Browser> {
  const browser = openBrowser(scene, host);
  const answer = await browser.ask('POST', '/session', { body: { ...ANNA, ...body } });
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.record.reason}`);
  return browser;
}

export function cookieOf(browser: Browser): string {
  return browser.cookies.get(SESSION_COOKIE)?.value ?? '';
}

export function idOf(browser: Browser): SessionId {
  const id = parseSessionId(cookieOf(browser).slice(4, 20));
  if (id === undefined) throw new Error('no session cookie');
  return id;
}

/** `GET /session` with a session cookie alone. */
export function show(scene: BrowserScene, cookie: string, options: CallOptions = {}): Promise<Answer> {
  return ask(scene, 'GET', '/session', { ...options, fields: { cookie: `${SESSION_COOKIE}=${cookie}` } });
}
