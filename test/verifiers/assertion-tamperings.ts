import { createHmac } from 'node:crypto';
import { AUDIENCE, ISSUER, type TestKey } from './scene.ts';

const FIELD = 'X-Gatehouse-Assertion';
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** What whoever tampers can work with. */
export interface AssertionMaterial {
  /** One that the gateway made. */
  readonly token: string;
  /** A key that is in the published set (kid `known`), and one that is not. */
  readonly known: TestKey;
  readonly stranger: TestKey;
  /** Of the gateway's key. */
  readonly kid: string;
  readonly now: number;
}

export interface AssertionTampering {
  readonly title: string;
  readonly code: string;
  /** All assertion fields of the request. */
  readonly fields: (material: AssertionMaterial) => readonly (readonly [name: string, value: string])[];
}

type Claims = Readonly<Record<string, unknown>>;

export const HEADER = { alg: 'ES256', typ: 'gatehouse-assertion+jwt', kid: 'known' };

/** Signed by the known key, these claims are accepted. */
export function claimsAt(now: number): Claims {
  const iat = Math.floor(now);
  return {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'user:idp:1',
    tenant: 'acme',
    roles: ['clerk'],
    iat,
    exp: iat + 60,
  };
}

function text(
  title: string,
  code: string,
  change: (material: AssertionMaterial) => string,
): AssertionTampering {
  return { title, code, fields: (material) => [[FIELD, change(material)]] };
}

/** Of another content, with a signature that is right. */
function claims(title: string, code: string, change: (now: number) => Claims): AssertionTampering {
  return text(title, code, ({ known, now }) => known.sign(HEADER, { ...claimsAt(now), ...change(now) }));
}

/** The same, where JSON.stringify cannot write it: `members` come before the sound ones. */
function written(
  title: string,
  code: string,
  members: (now: number) => string,
  without: readonly string[] = [],
) {
  return text(title, code, ({ known, now }) => {
    const sound = Object.entries(claimsAt(now)).filter(([name]) => !without.includes(name));
    return known.sign(HEADER, `{${members(now)},${JSON.stringify(Object.fromEntries(sound)).slice(1)}`);
  });
}

function header(title: string, code: string, change: Claims): AssertionTampering {
  return text(title, code, ({ known, now }) => known.sign({ ...HEADER, ...change }, claimsAt(now)));
}

function partsOf(token: string): readonly [header: string, claims: string, signature: string] {
  const [head = '', claims = '', signature = ''] = token.split('.');
  return [head, claims, signature];
}

function encode(value: object | string): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** The same bytes to a lenient decoder: the last character has bits to spare. */
function withSpareBits(part: string): string {
  const last = ALPHABET.indexOf(part.at(-1) ?? '');
  return part.slice(0, -1) + (ALPHABET[last ^ 1] ?? '');
}

const MALFORMED = 'assertion_malformed';

export const ASSERTION_TAMPERINGS: readonly AssertionTampering[] = [
  { title: 'missing', code: 'assertion_missing', fields: () => [] },
  text('empty', 'assertion_missing', () => ''),
  {
    title: 'sent twice',
    code: 'assertion_repeated',
    fields: ({ token }) => [
      [FIELD, token],
      [FIELD, token],
    ],
  },
  {
    title: 'sent again in a spelling that CGI-style servers take for the same',
    code: 'assertion_repeated',
    fields: ({ token, stranger, now }) => [
      [FIELD, token],
      ['x_gatehouse.assertion', stranger.sign(HEADER, claimsAt(now))],
    ],
  },
  text('two, joined by a server into one', MALFORMED, ({ token }) => `${token}, ${token}`),
  text('with a scheme before it', MALFORMED, ({ token }) => `Bearer ${token}`),
  text('without its signature', MALFORMED, ({ token }) => partsOf(token).slice(0, 2).join('.')),
  text('with an empty signature', MALFORMED, ({ token }) => `${partsOf(token).slice(0, 2).join('.')}.`),
  text('with a fourth part', MALFORMED, ({ token }) => `${token}.AAAA`),
  text('with padding', MALFORMED, ({ token }) => `${token}==`),
  text('with spare bits in its signature', MALFORMED, ({ token }) => withSpareBits(token)),
  text('longer than any', MALFORMED, ({ known, now }) =>
    known.sign(HEADER, { ...claimsAt(now), profile: { note: 'x'.repeat(16_384) } }),
  ),
  text('with the claims of another', 'signature_wrong', ({ token, now }) => {
    const [head, , signature] = partsOf(token);
    return `${head}.${encode({ ...claimsAt(now), tenant: 'globex' })}.${signature}`;
  }),
  text('with one bit of its signature changed', 'signature_wrong', ({ token }) => {
    const [head, body, signature] = partsOf(token);
    const bytes = Buffer.from(signature, 'base64url');
    bytes[5] = (bytes[5] ?? 0) ^ 1;
    return `${head}.${body}.${bytes.toString('base64url')}`;
  }),
  text('with a signature of zeros', 'signature_wrong', ({ token }) => {
    const [head, body] = partsOf(token);
    return `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`;
  }),
  text('with a signature cut short', 'signature_wrong', ({ token }) => {
    const [head, body, signature] = partsOf(token);
    return `${head}.${body}.${Buffer.from(signature, 'base64url').subarray(0, 63).toString('base64url')}`;
  }),
  text('signed by a stranger under the kid of the gateway', 'signature_wrong', ({ stranger, kid, now }) =>
    stranger.sign({ ...HEADER, kid }, claimsAt(now)),
  ),
  text('signed by a stranger whose key it brings along', 'signature_wrong', ({ stranger, kid, now }) =>
    stranger.sign({ ...HEADER, kid, jwk: stranger.jwk }, claimsAt(now)),
  ),
  text('signed by a stranger under a kid of its own', 'key_unknown', ({ stranger, now }) =>
    stranger.sign({ ...HEADER, kid: 'stranger', jku: 'https://evil.test/keys' }, claimsAt(now)),
  ),
  text('alg none, with the signature left', 'algorithm_wrong', ({ token, kid }) => {
    const [, body, signature] = partsOf(token);
    return `${encode({ ...HEADER, alg: 'none', kid })}.${body}.${signature}`;
  }),
  text(
    'alg none, unsigned',
    MALFORMED,
    ({ kid, now }) => `${encode({ ...HEADER, alg: 'none', kid })}.${encode(claimsAt(now))}.`,
  ),
  text('HS256 with the public key for a secret', 'algorithm_wrong', ({ known, now }) => {
    const input = `${encode({ ...HEADER, alg: 'HS256' })}.${encode(claimsAt(now))}`;
    return `${input}.${createHmac('sha256', known.pem).update(input).digest('base64url')}`;
  }),
  header('an algorithm that is not configured', 'algorithm_wrong', { alg: 'RS256' }),
  header('an algorithm in another spelling', 'algorithm_wrong', { alg: 'es256' }),
  header('algorithms as a list', 'algorithm_wrong', { alg: ['ES256'] }),
  header('of another type', 'type_wrong', { typ: 'JWT' }),
  header('an access token', 'type_wrong', { typ: 'at+jwt' }),
  header('of no type', 'type_wrong', { typ: undefined }),
  header('without a kid', MALFORMED, { kid: undefined }),
  header('with a kid that is no text', MALFORMED, { kid: ['known'] }),
  header('with an extension that must be understood', MALFORMED, { crit: ['b64'], b64: false }),
  text('with two algorithms', MALFORMED, ({ known, now }) =>
    known.sign(`{"alg":"none",${JSON.stringify(HEADER).slice(1)}`, claimsAt(now)),
  ),
  text(
    'with a header that is no JSON',
    MALFORMED,
    ({ token }) => `e30x.${partsOf(token).slice(1).join('.')}`,
  ),
  claims('of another issuer', 'issuer_wrong', () => ({ iss: 'https://gw.test.evil' })),
  claims('of no issuer', 'issuer_wrong', () => ({ iss: undefined })),
  claims('for another upstream', 'audience_wrong', () => ({ aud: 'billing' })),
  claims('for several upstreams', 'audience_wrong', () => ({ aud: [AUDIENCE, 'billing'] })),
  claims('for nobody, but in a member of like name', 'audience_wrong', () => ({
    aud: undefined,
    AUD: AUDIENCE,
  })),
  claims('expired', 'expired', (now) => ({ iat: now - 70, exp: now - 6 })),
  claims('from the future', 'not_yet_valid', (now) => ({ iat: now + 60, exp: now + 120 })),
  claims('that never ends', MALFORMED, () => ({ exp: undefined })),
  claims('of no time', MALFORMED, () => ({ iat: undefined })),
  claims('whose end is a text', MALFORMED, (now) => ({ exp: String(now + 60) })),
  claims('whose end is true', MALFORMED, () => ({ exp: true })),
  written('whose end is beyond all numbers', MALFORMED, () => '"exp":1e999', ['exp']),
  written('whose end is a word that some parsers take for a number', MALFORMED, () => '"exp":Infinity', [
    'exp',
  ]),
  written('with two tenants', MALFORMED, () => '"tenant":"globex"'),
  written('with two tenants, one of them in escapes', MALFORMED, () => '"t\\u0065nant":"globex"'),
  written('with two names in its profile', MALFORMED, () => '"profile":{"name":"a","name":"b"}'),
  written('with two members of digits', MALFORMED, () => '"profile":{"1":"a","1":"b"}'),
  written(
    'with nesting that has no end',
    MALFORMED,
    () => `"profile":{"a":${'['.repeat(3000)}${']'.repeat(3000)}}`,
  ),
  written('with a comma too many', MALFORMED, () => '"profile":{"a":1,}'),
  written('with another quote before a name', MALFORMED, () => `'note":1`),
  written('with another sign than a colon', MALFORMED, () => '"note";1'),
  written('with a word cut short', MALFORMED, () => '"profile":{"a":tru}'),
  written('with a line break in a text', MALFORMED, () => '"note":"a\nb"'),
  written('with an escape that there is not', MALFORMED, () => String.raw`"note":"\x41"`),
  written('with an escape of no digits', MALFORMED, () => String.raw`"note":"\u+041"`),
  written('with a comment', MALFORMED, () => '/**/"profile":{}'),
  text('with something behind its claims', MALFORMED, ({ known, now }) =>
    known.sign(HEADER, `${JSON.stringify(claimsAt(now))}{}`),
  ),
  text('with a byte order mark before its claims', MALFORMED, ({ known, now }) =>
    known.sign(HEADER, `\ufeff${JSON.stringify(claimsAt(now))}`),
  ),
  text('with claims that are no UTF-8', MALFORMED, ({ known, now }) =>
    known.sign(HEADER, Buffer.from(JSON.stringify({ ...claimsAt(now), tenant: 'acm\u00e9' }), 'latin1')),
  ),
  text('with claims that are a list', MALFORMED, ({ known, now }) =>
    known.sign(HEADER, `[${JSON.stringify(claimsAt(now))}]`),
  ),
  claims('whose tenant is a list', MALFORMED, () => ({ tenant: ['acme', 'globex'] })),
  claims('whose tenant is null', MALFORMED, () => ({ tenant: null })),
  claims('whose roles are a text', MALFORMED, () => ({ roles: 'admin' })),
  claims('whose roles are not texts', MALFORMED, () => ({ roles: [1] })),
  claims('whose scope is a list', MALFORMED, () => ({ scope: ['admin'] })),
  claims('whose profile is a text', MALFORMED, () => ({ profile: 'admin' })),
  claims('whose subject is empty', MALFORMED, () => ({ sub: '' })),
  claims('of nobody', 'anonymous', () => ({ sub: undefined })),
];
