/** What a request says about becoming a WebSocket (RFC 6455 §4.2.1). */
export type Handshake =
  /** Upgrade does not name websocket: an ordinary request. */
  | { readonly kind: 'none' }
  /** `key`: value of Sec-WebSocket-Key. */
  | { readonly kind: 'valid'; readonly key: string }
  | { readonly kind: 'invalid'; readonly reason: string }
  /** Another version of the protocol than 13. */
  | { readonly kind: 'otherVersion'; readonly reason: string };

/** 16 bytes in canonical base64. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;
/** Fields that a handshake cannot be without, and that Connection must therefore not take away. */
const NEVER_NOMINATED = /^(?:sec-websocket-.*|origin|host)$/;

/** The fields that decide, each with every value that was sent, in lower-case names. */
type Given = Readonly<Record<(typeof READ)[number], string[]>>;
const READ = [
  'upgrade',
  'connection',
  'sec-websocket-version',
  'sec-websocket-key',
  'origin',
  'content-length',
  'transfer-encoding',
  'expect',
] as const;

/** `raw`: name, value, name, value … as received. */
export function readHandshake(method: string, httpVersion: string, raw: readonly string[]): Handshake {
  const given = collect(raw);
  const protocols = elementsOf(given.upgrade);
  if (!protocols.includes('websocket')) return { kind: 'none' };
  const fault = faultOf(method, httpVersion, given, protocols);
  if (fault !== undefined) return { kind: 'invalid', reason: fault };
  const version = given['sec-websocket-version'].join(', ');
  if (version !== '13') return { kind: 'otherVersion', reason: 'Sec-WebSocket-Version is not 13' };
  const [key, ...others] = given['sec-websocket-key'];
  if (key === undefined || others.length > 0 || !KEY.test(key))
    return { kind: 'invalid', reason: 'Sec-WebSocket-Key is not 16 bytes in base64' };
  return { kind: 'valid', key };
}

function faultOf(
  method: string,
  httpVersion: string,
  given: Given,
  protocols: readonly string[],
): string | undefined {
  if (method !== 'GET') return 'the method is not GET';
  if (httpVersion !== '1.1') return 'the HTTP version is not 1.1';
  if (protocols.length > 1) return 'Upgrade names another protocol beside websocket';
  const options = elementsOf(given.connection);
  if (!options.includes('upgrade')) return 'Connection does not name Upgrade';
  if (options.some((option) => NEVER_NOMINATED.test(option)))
    return 'Connection names a field of the handshake';
  if (given.origin.length > 1) return 'Origin was sent twice';
  if (given['transfer-encoding'].length > 0 || given['content-length'].some((length) => length !== '0'))
    return 'it has a body';
  return given.expect.length > 0 ? 'it has an expectation' : undefined;
}

function collect(raw: readonly string[]): Given {
  const given: Given = {
    upgrade: [],
    connection: [],
    'sec-websocket-version': [],
    'sec-websocket-key': [],
    origin: [],
    'content-length': [],
    'transfer-encoding': [],
    expect: [],
  };
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase();
    if (isRead(name)) given[name].push(raw[index + 1] ?? '');
  }
  return given;
}

function isRead(name: string): name is keyof Given {
  return (READ as readonly string[]).includes(name);
}

function elementsOf(values: readonly string[]): readonly string[] {
  return values
    .join(',')
    .split(',')
    .map((element) => element.trim().toLowerCase())
    .filter((element) => element !== '');
}
