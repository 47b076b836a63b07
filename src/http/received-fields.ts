import { createCookieFilter, findCookies } from './cookies.ts';
import { CSRF_FIELD } from './csrf.ts';
import { foldFieldName, HOP_BY_HOP, isCredentialField, isVouchedField } from './field-names.ts';

/** Fields that admission reads, each with a place of its own. */
export const SLOTS = {
  host: 0,
  authorization: 1,
  apiKey: 2,
  connection: 3,
  contentLength: 4,
  transferEncoding: 5,
  expect: 6,
  contentDigest: 7,
  traceparent: 8,
  forwardedFor: 9,
  forwardedProto: 10,
  forwardedHost: 11,
  tracestate: 12,
  cookie: 13,
  origin: 14,
  secFetchSite: 15,
  csrf: 16,
  /** No field of its own: the value of the session cookie, under whichever of its names. */
  session: 17,
  requestMethod: 18,
  /** No field either: the name that it came under. */
  sessionName: 19,
} as const;

const NAMED_SLOTS: Readonly<Record<string, number>> = {
  host: SLOTS.host,
  authorization: SLOTS.authorization,
  connection: SLOTS.connection,
  'content-length': SLOTS.contentLength,
  'transfer-encoding': SLOTS.transferEncoding,
  expect: SLOTS.expect,
  'content-digest': SLOTS.contentDigest,
  traceparent: SLOTS.traceparent,
  tracestate: SLOTS.tracestate,
  'x-forwarded-for': SLOTS.forwardedFor,
  'x-forwarded-proto': SLOTS.forwardedProto,
  'x-forwarded-host': SLOTS.forwardedHost,
  cookie: SLOTS.cookie,
  origin: SLOTS.origin,
  'sec-fetch-site': SLOTS.secFetchSite,
  [CSRF_FIELD]: SLOTS.csrf,
  'access-control-request-method': SLOTS.requestMethod,
};
const FIRST_FREE_SLOT = 20;

/** Read here and written anew, where they are sent at all. Folded names. */
const REWRITTEN: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'expect',
  'traceparent',
  'tracestate',
]);

/** Names seen so far are remembered up to this many: a client cannot fill memory with invented ones. */
const REMEMBERED_NAMES = 2_000;

interface FieldClass {
  /** Place in `values`, or -1. */
  readonly slot: number;
  /** `credential`: forwarded only to an upstream that is set to see the client's credential. */
  readonly use: 'forward' | 'drop' | 'credential' | 'cookie';
}

/** What a request said, read once. Nothing here is ever changed to suit the upstream. */
export interface ReceivedFields {
  /** By slot: the value of the first such field, or `undefined`. */
  readonly values: readonly (string | undefined)[];
  /** Bit per slot: the field came more than once. Slots past 30 share the last bit, which can only refuse more. */
  readonly repeated: number;
  /** Name, value … of what may be forwarded, before ours are added. */
  readonly forwardable: string[];
  /** Name, value … of credential fields. */
  readonly credentials: readonly string[];
  /** Value of Cookie as it may be forwarded: without cookies that are ours or kept by a login; empty if none is left. */
  readonly cookies: string;
}

export function isRepeated(fields: ReceivedFields, slot: number): boolean {
  return (fields.repeated & (1 << Math.min(slot, 30))) !== 0;
}

export interface FieldReader {
  /** `rawHeaders` of node:http: name, value, name, value … in wire order. */
  read(raw: readonly string[]): ReceivedFields;
  /** Slot of a configured field (a tenant field, say). */
  slotOf(name: string): number | undefined;
}

/**
 * Compiles what is done with each field. `owned`: names that we write towards any upstream, removed from every
 * request in every spelling; `apiKey`: name of the field of API keys; `tenantFields`: client fields that name a
 * tenant, read but never forwarded; `sessionCookies`: names of our session cookies; `droppedCookies`: names that are
 * never forwarded, these among them.
 */
export function createFieldReader(options: {
  readonly apiKey: string;
  readonly owned: Iterable<string>;
  readonly tenantFields: Iterable<string>;
  readonly sessionCookies: readonly string[];
  readonly droppedCookies: ReadonlySet<string>;
}): FieldReader {
  const { sessionCookies, droppedCookies } = options;
  const owned = new Set([...options.owned].map(foldFieldName));
  const apiKey = options.apiKey.toLowerCase();
  const foldedApiKey = foldFieldName(apiKey);
  const slots = new Map(Object.entries(NAMED_SLOTS));
  slots.set(apiKey, SLOTS.apiKey);
  let slotCount = FIRST_FREE_SLOT;
  const dropped = new Set<string>();
  for (const name of options.tenantFields) {
    const lower = name.toLowerCase();
    dropped.add(foldFieldName(name));
    if (slots.has(lower)) continue;
    slots.set(lower, slotCount);
    slotCount += 1;
  }

  function useOf(name: string): FieldClass['use'] {
    const folded = foldFieldName(name);
    if (name === 'cookie') return owned.has(folded) || dropped.has(folded) ? 'drop' : 'cookie';
    if (REWRITTEN.has(folded)) return 'drop';
    if (HOP_BY_HOP.has(folded) || isVouchedField(folded) || owned.has(folded) || dropped.has(folded))
      return 'drop';
    // An alias (`X_Api_Key`) is not read as a credential, so it was never checked and is never passed on.
    if (name === 'authorization' || name === apiKey) return 'credential';
    return isCredentialField(folded) || folded === foldedApiKey ? 'drop' : 'forward';
  }

  const classes = new Map<string, FieldClass>();
  function classify(rawName: string): FieldClass {
    const known = classes.get(rawName);
    if (known !== undefined) return known;
    const name = rawName.toLowerCase();
    const created: FieldClass = { slot: slots.get(name) ?? -1, use: useOf(name) };
    if (classes.size < REMEMBERED_NAMES) classes.set(rawName, created);
    return created;
  }

  const withoutDropped = createCookieFilter(droppedCookies);

  const noValues: readonly (string | undefined)[] = Array.from({ length: slotCount }, () => undefined);

  return {
    slotOf: (name) => slots.get(name.toLowerCase()),
    read(raw) {
      const values = noValues.slice();
      const forwardable: string[] = [];
      const credentials: string[] = [];
      let repeated = 0;
      let cookies = '';
      for (let index = 0; index + 1 < raw.length; index += 2) {
        const name = raw[index] ?? '';
        const value = raw[index + 1] ?? '';
        const { slot, use } = classify(name);
        if (use === 'forward') forwardable.push(name, value);
        else if (use === 'credential') credentials.push(name, value);
        else if (use === 'cookie') {
          const kept = withoutDropped(value);
          cookies = cookies === '' || kept === '' ? cookies + kept : `${cookies}; ${kept}`;
        }
        if (slot === -1) continue;
        if (values[slot] === undefined) values[slot] = value;
        else {
          repeated |= 1 << Math.min(slot, 30);
          if (slot === SLOTS.connection || slot === SLOTS.tracestate) values[slot] += `,${value}`;
          else if (slot === SLOTS.cookie) values[slot] += `; ${value}`;
        }
      }
      const connection = values[SLOTS.connection];
      if (connection !== undefined && nominatesFields(connection)) {
        dropNominated(forwardable, connection);
        if (nominates(connection, 'cookie')) cookies = '';
      }
      const cookie = values[SLOTS.cookie];
      if (cookie !== undefined && sessionCookies.length > 0)
        repeated |= readSessionCookie(values, cookie, sessionCookies);
      return { values, repeated, forwardable, credentials, cookies };
    },
  };
}

/** Fills the slots of the session cookie. Two of them, under one name or under two, are as bad as one field twice. */
function readSessionCookie(values: (string | undefined)[], cookie: string, names: readonly string[]): number {
  const found = findCookies(cookie, names);
  let isRepeated = found.repeated !== 0;
  for (const [place, value] of found.values.entries()) {
    if (value === undefined) continue;
    isRepeated ||= values[SLOTS.session] !== undefined;
    values[SLOTS.session] ??= value;
    values[SLOTS.sessionName] ??= names[place];
  }
  return isRepeated ? 1 << SLOTS.session : 0;
}

/** The two everyday values name no field; everything else is looked at. */
function nominatesFields(connection: string): boolean {
  return connection !== 'keep-alive' && connection !== 'close';
}

function nominates(connection: string, name: string): boolean {
  return connection.split(',').some((nominated) => nominated.trim().toLowerCase() === name);
}

/** Removes what Connection nominates (RFC 9110 §7.6.1) from what is forwarded; never from what is decided on. */
function dropNominated(forwardable: string[], connection: string): void {
  const nominated = new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
  let kept = 0;
  for (let index = 0; index < forwardable.length; index += 2) {
    const name = forwardable[index] ?? '';
    if (nominated.has(name.toLowerCase())) continue;
    forwardable[kept] = name;
    forwardable[kept + 1] = forwardable[index + 1] ?? '';
    kept += 2;
  }
  forwardable.length = kept;
}
