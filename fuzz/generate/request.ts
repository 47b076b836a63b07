import type { Random } from '../random.ts';
import { type KnownCredential, SESSION_COOKIE } from '../scene/credentials.ts';
import { confuse, type FramedBody, framed } from './framing.ts';
import { headOf } from './text.ts';

const METHODS = [
  'GET',
  'GET',
  'GET',
  'GET',
  'POST',
  'POST',
  'PUT',
  'DELETE',
  'PATCH',
  'HEAD',
  'OPTIONS',
] as const;

/** Fields that are the gateway's or a trusted hop's to say, in the spellings that servers take for one. */
const FORGED = [
  'X-Tenant-Id: globex',
  'x-tenant-id: globex',
  'X_Tenant_Id: globex',
  'X.Tenant.Id: globex',
  'X-Tenant_Id: globex',
  'X-User-Id: admin',
  'X_USER_ID: admin',
  'X-Gatehouse-Assertion: e30.e30.e30',
  'X_Gatehouse_Assertion: e30.e30.e30',
  'X-Forwarded-For: 10.0.0.1',
  'X_Forwarded_For: 10.0.0.1',
  'X-Forwarded-Host: evil.test',
  'X-Forwarded-Uri: /public/x',
  'Forwarded: for=10.0.0.1',
  'X-Real-IP: 10.0.0.1',
  'X-Original-URL: /public/x',
  'X-HTTP-Method-Override: DELETE',
  'Proxy: http://evil.test',
  'Via: 1.1 evil',
] as const;

const ORDINARY = [
  'Accept: */*',
  'X-Note: one',
  'X-Note: two',
  'X-Empty:',
  'Content-Type: application/json',
  'Cookie: a=b; c="d"',
  'Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'Accept-Encoding: gzip',
  'Range: bytes=0-1',
  'If-None-Match: "x"',
  'Connection: keep-alive',
  'Connection: close, X-Note',
  'Connection: x-tenant-id, x-user-id, x-gatehouse-assertion, authorization, host',
  'TE: trailers',
  'Trailer: X-Late',
  'Keep-Alive: timeout=5',
  'Expect: 100-continue',
  'Expect: 200-maybe',
  'Upgrade: h2c',
  'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
  '__proto__: 1',
  'Origin: https://gw.test',
  'Sec-Fetch-Site: same-origin',
  'Gatehouse-CSRF: 1',
  'Access-Control-Request-Method: POST',
] as const;

const WEB_SOCKET = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
] as const;

/** What to ask for and with what; the target names the request, so that it can be told from all others. */
export interface Wish {
  readonly target: string;
  readonly credentials: readonly [KnownCredential, ...KnownCredential[]];
  /** Share of requests that have something wrong with them. */
  readonly oddity: number;
}

/** One request, whole or nearly so. Latin-1. */
export function writeRequest(wish: Wish, random: Random): string {
  const method = random.pick(METHODS);
  const credential = random.pick(wish.credentials);
  const lines = [`Host: ${hostFor(credential, random)}`, ...present(credential, random)];
  // A second credential, of whichever tenant: ambiguous, or a pair of one tenant.
  if (random.chance(0.1)) lines.push(...present(random.pick(wish.credentials), random));
  while (random.chance(0.4)) lines.push(random.pick(ORDINARY));
  if (random.chance(0.25)) lines.push(random.pick(FORGED));
  if (random.chance(0.04)) lines.push(...WEB_SOCKET);
  const body = bodyOf(method, wish, random);
  lines.push(...body.lines);
  const isOdd = random.chance(wish.oddity);
  const target = isOdd && random.chance(0.15) ? oddTarget(wish.target, random) : wish.target;
  const version =
    isOdd && random.chance(0.15) ? random.pick(['1.0', '1.0', '0.9', '2.0', '1.2', '1.1 ', '1']) : '1.1';
  const all = isOdd ? bend(lines, random) : lines;
  return headOf([`${method} ${target} HTTP/${version}`, ...all]) + body.bytes;
}

/** A request of another tenant, to be hidden in a body. */
export function hiddenRequest({ target, credentials }: Wish, random: Random): string {
  return headOf([`GET ${target} HTTP/1.1`, 'Host: gw.test', ...present(random.pick(credentials), random)]);
}

function hostFor({ tenant, kind }: KnownCredential, random: Random): string {
  // A session belongs to the host that it was begun at.
  if (kind === 'session') return `${tenant}.gw.test`;
  return random.pick(['gw.test', 'gw.test', `${tenant}.gw.test`, 'globex.gw.test', 'GW.test:443']);
}

function present({ kind, value }: KnownCredential, random: Random): readonly string[] {
  if (random.chance(0.06)) return [];
  switch (kind) {
    case 'apiKey':
      return [random.pick([`X-API-Key: ${value}`, `x-api-key:${value}`, `Authorization: ApiKey ${value}`])];
    case 'bearer':
      return [random.pick([`Authorization: Bearer ${value}`, `authorization: bearer  ${value} `])];
    case 'session':
      return [
        `Cookie: x=1; ${SESSION_COOKIE}=${value}; y=2`,
        'Gatehouse-CSRF: 1',
        'Sec-Fetch-Site: same-origin',
      ];
  }
}

function bodyOf(method: string, wish: Wish, random: Random): FramedBody {
  if (!random.chance(method === 'GET' || method === 'HEAD' ? 0.12 : 0.7)) return { lines: [], bytes: '' };
  const text = random.chance(0.4)
    ? hiddenRequest({ ...wish, target: `${wish.target}-hidden` }, random)
    : random.pick(['{"a":1}', 'x', 'x'.repeat(300), '0\r\n\r\n', '\r\n', '\0\xff']);
  const body = framed(text, random);
  return random.chance(wish.oddity * 0.5) ? confuse(body, random) : body;
}

function oddTarget(target: string, random: Random): string {
  return random.pick([
    `/api/../public${target}`,
    `/public/..${target}`,
    `/public/%2e%2e${target}`,
    `${target}/`,
    `/${target}`,
    `http://evil.test${target}`,
    `${target}?access_token=x`,
    `${target}?q=%zz&r=\xe9`,
    `${target}#x`,
    `${target};x=1`,
    `${target}%00`,
    `${target} HTTP/1.1`,
    `*`,
    `${target}\\..`,
    `gw.test:443`,
    `${target}?${'q'.repeat(9000)}`,
  ]);
}

/** Puts field lines in another order, doubles, renames or garbles one. */
function bend(lines: readonly string[], random: Random): readonly string[] {
  const bent = [...lines];
  const at = random.integer(bent.length);
  const line = bent[at] ?? '';
  const colon = line.indexOf(':');
  const [name, value] = [line.slice(0, colon), line.slice(colon + 1)];
  switch (random.integer(14)) {
    case 0:
      bent.push(line);
      break;
    case 1:
      bent.reverse();
      break;
    case 2:
      bent[at] = `${name.replaceAll('-', random.pick(['_', '.', '~', '']))}:${value}`;
      break;
    case 3:
      bent[at] = `${name} :${value}`;
      break;
    case 4:
      bent[at] = `${name}:${value.slice(0, 4)}\r\n${random.pick([' ', '\t'])}${value.slice(4)}`;
      break;
    case 5:
      bent[at] = `${name}:${value}${random.pick(['\0', '\x0b', '\x7f', '\r', '\n', '\rX: y', '\nX: y'])}`;
      break;
    case 6:
      bent[at] = `${random.pick([' ', '\t', '\0', ':', '"', '\xa0'])}${line}`;
      break;
    case 7:
      bent[at] = `${name.toUpperCase()}:\t ${value}\t`;
      break;
    case 8:
      bent.splice(at, 1);
      break;
    case 9:
      bent.unshift(random.pick(FORGED));
      break;
    case 10:
      bent[at] = name;
      break;
    case 11:
      bent.push(...Array.from({ length: random.pick([3, 50, 400]) }, (_, index) => `X-Many-${index}: 1`));
      break;
    case 12:
      bent[at] = `${name}:${value},${value}`;
      break;
    default:
      bent.push(`X-Long: ${'x'.repeat(random.pick([1_000, 20_000, 40_000]))}`);
  }
  return bent;
}
