import { createHmac } from 'node:crypto';
import type { Call } from './harness.ts';
import { DIGEST, FIELDS, NEXT_SECRET, SECRET } from './scene.ts';

export interface SignatureTampering {
  readonly title: string;
  readonly code: string;
  readonly change: (call: Call) => Call;
}

type Field = readonly [name: string, value: string];

const isNamed = (name: string) => (field: Field) => field[0].toLowerCase() === name.toLowerCase();

export function valueOf(call: Call, name: string): string {
  return call.fields.find(isNamed(name))?.[1] ?? '';
}

export function replaced(call: Call, name: string, change: (value: string) => string): Call {
  const isChanged = isNamed(name);
  const fields = call.fields.map((field): Field => (isChanged(field) ? [field[0], change(field[1])] : field));
  return { ...call, fields };
}

export function without(call: Call, ...names: readonly string[]): Call {
  return { ...call, fields: call.fields.filter((field) => !names.some((name) => isNamed(name)(field))) };
}

export function withField(call: Call, name: string, value: string): Call {
  return { ...call, fields: [...call.fields, [name, value]] };
}

const OF_THE_REQUEST = ['@method', '@authority', '@path', '@query'];
const COVERED = [...OF_THE_REQUEST, 'content-digest', ...FIELDS.map((name) => name.toLowerCase())];

interface Resigned {
  readonly components?: readonly string[];
  readonly created?: number;
  readonly expires?: number;
  readonly keyId?: string;
  readonly secret?: string;
  readonly algorithm?: string;
  readonly list?: string;
  readonly nonce?: string;
}

/** Signed anew by whoever knows a secret, in the form of the gateway but for what is named. */
export function resigned(call: Call, options: Resigned = {}): Call {
  const { components = COVERED, secret = SECRET, keyId = 's1', algorithm = 'hmac-sha256' } = options;
  const created = options.created ?? Math.floor(call.now);
  const expires = options.expires ?? created + 60;
  const [path = '', query = ''] = call.target.split('?');
  const derived: Readonly<Record<string, string>> = {
    '@method': call.method,
    '@authority': valueOf(call, 'host'),
    '@path': path,
    '@query': `?${query}`,
  };
  const list = options.list ?? `(${components.map((name) => `"${name}"`).join(' ')})`;
  const nonce = options.nonce ?? ';nonce="0123456789abcdefABCDEF"';
  const parameters = `${list};created=${created};expires=${expires}${nonce};keyid="${keyId}";alg="${algorithm}"`;
  const lines = components.map((name) => `"${name}": ${derived[name] ?? valueOf(call, name)}\n`);
  const base = `${lines.join('')}"@signature-params": ${parameters}`;
  const signature = createHmac('sha256', secret).update(base, 'latin1').digest('base64');
  return withField(
    withField(without(call, 'Signature', 'Signature-Input'), 'Signature-Input', `gatehouse=${parameters}`),
    'Signature',
    `gatehouse=:${signature}:`,
  );
}

const row = (title: string, code: string, change: (call: Call) => Call): SignatureTampering => ({
  title,
  code,
  change,
});
const field = (title: string, code: string, name: string, change: (value: string) => string) =>
  row(title, code, (call) => replaced(call, name, change));

const WRONG = 'signature_wrong';
const MALFORMED = 'signature_malformed';

/** Of a user's POST with a body and its digest. */
export const SIGNATURE_TAMPERINGS: readonly SignatureTampering[] = [
  row('without either field', 'signature_missing', (call) => without(call, 'Signature', 'Signature-Input')),
  row('without Signature', 'signature_missing', (call) => without(call, 'Signature')),
  row('without Signature-Input', 'signature_missing', (call) => without(call, 'Signature-Input')),
  row('with two Signature fields', 'signature_repeated', (call) =>
    withField(call, 'Signature', valueOf(call, 'Signature')),
  ),
  row('with two Signature-Input fields', 'signature_repeated', (call) =>
    withField(call, 'signature_input', 'gatehouse=()'),
  ),
  field('with a second signature', MALFORMED, 'Signature-Input', (value) => `${value}, evil=()`),
  field('under another label', MALFORMED, 'Signature-Input', (value) => value.replace('gatehouse', 'sig1')),
  field('with a signature that is no base64', MALFORMED, 'Signature', () => 'gatehouse=:***:'),
  field('with a signature cut short', WRONG, 'Signature', (value) => `${value.slice(0, 30)}:`),
  field('with spare bits in its signature', WRONG, 'Signature', (value) =>
    value.replace(/.=:$/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=:`),
  ),
  row('with another method', WRONG, (call) => ({ ...call, method: 'DELETE' })),
  row('with a method in another case', WRONG, (call) => ({ ...call, method: 'post' })),
  row('with a method that is none', 'request_malformed', (call) => ({ ...call, method: 'POST /x' })),
  row('on another path', WRONG, (call) => ({ ...call, target: call.target.replace('orders', 'users') })),
  row('on a path that means the same to some', WRONG, (call) => ({
    ...call,
    target: call.target.replace('orders', '%6frders'),
  })),
  row('with another query', WRONG, (call) => ({ ...call, target: call.target.replace('a=1', 'a=2') })),
  row('without its query', WRONG, (call) => ({ ...call, target: call.target.replace(/\?.*/, '') })),
  row('in the form that proxies get', 'request_malformed', (call) => ({
    ...call,
    target: `http://evil.test${call.target}`,
  })),
  field('at another host', WRONG, 'Host', () => 'billing.internal'),
  row('with two hosts', 'field_repeated', (call) => withField(call, 'Host', 'billing.internal')),
  row('without a host', 'request_malformed', (call) => without(call, 'Host')),
  field('of another tenant', WRONG, 'X-Tenant-Id', () => 'globex'),
  row('without its tenant', WRONG, (call) => without(call, 'X-Tenant-Id')),
  field('of another user', WRONG, 'X-User-Id', () => '1'),
  field('with a role more', WRONG, 'X-Roles', (value) => `${value},admin`),
  row('with the assertion of another', WRONG, (call) =>
    replaced(call, FIELDS[3] ?? '', (value) => `${value}A`),
  ),
  row('with two tenants', 'field_repeated', (call) => withField(call, 'X-Tenant-Id', 'globex')),
  row('with its tenant twice', 'field_repeated', (call) => withField(call, 'x-tenant-id', 'acme')),
  row('with a tenant in a spelling that CGI-style servers take for the same', 'field_repeated', (call) =>
    withField(call, 'X_Tenant_Id', 'globex'),
  ),
  field(
    'with a line of its own in a field',
    'request_malformed',
    'X-User-Id',
    (value) => `${value}\n"x-roles": admin`,
  ),
  row('whose identity was not covered', 'component_missing', (call) =>
    resigned(call, { components: COVERED.filter((name) => name !== 'x-tenant-id') }),
  ),
  row('whose query was not covered', 'component_missing', (call) =>
    resigned(call, { components: COVERED.filter((name) => name !== '@query') }),
  ),
  row('whose method was not covered', 'component_missing', (call) =>
    resigned(call, { components: COVERED.filter((name) => name !== '@method') }),
  ),
  row('whose digest was not covered', 'component_missing', (call) =>
    resigned(call, { components: COVERED.filter((name) => name !== 'content-digest') }),
  ),
  row('that covers no identity', 'anonymous', (call) =>
    resigned(call, { components: [...OF_THE_REQUEST, 'content-digest'] }),
  ),
  row('that covers a component twice', MALFORMED, (call) =>
    resigned(call, { components: [...COVERED, 'x-roles'] }),
  ),
  row('that covers a component of which nothing is known', MALFORMED, (call) =>
    resigned(call, { components: [...COVERED, '@target-uri'] }),
  ),
  row('that covers a field in a way of its own', MALFORMED, (call) =>
    resigned(call, { list: `(${COVERED.map((name) => `"${name}";bs`).join(' ')})` }),
  ),
  row('that covers nothing', MALFORMED, (call) => resigned(call, { components: [] })),
  row('under a key that is unknown', 'key_unknown', (call) => resigned(call, { keyId: 's3' })),
  row('under the id of another key', WRONG, (call) => resigned(call, { secret: NEXT_SECRET })),
  row('under a secret that is a guess', WRONG, (call) => resigned(call, { secret: 'secret' })),
  row('with another algorithm', 'algorithm_wrong', (call) => resigned(call, { algorithm: 'ed25519' })),
  field('whose algorithm was exchanged', 'algorithm_wrong', 'Signature-Input', (value) =>
    value.replace('hmac-sha256', 'none'),
  ),
  row('expired', 'expired', (call) => ({ ...call, now: call.now + 66 })),
  row('from the future', 'not_yet_valid', (call) => ({ ...call, now: call.now - 7 })),
  field('whose life was prolonged', WRONG, 'Signature-Input', (value) =>
    value.replace('expires=1', 'expires=2'),
  ),
  row('that ends before it begins', MALFORMED, (call) =>
    resigned(call, { expires: Math.floor(call.now) - 1 }),
  ),
  row('without a nonce', MALFORMED, (call) => resigned(call, { nonce: '' })),
  field('with two nonces', MALFORMED, 'Signature-Input', (value) =>
    value.replace(';keyid', ';nonce="x";keyid'),
  ),
  row('with another body', 'body_changed', (call) => ({ ...call, body: '{"order":2}' })),
  row('with an empty body', 'body_changed', (call) => ({ ...call, body: '' })),
  field('with the digest of another body', WRONG, 'Content-Digest', (value) => value.replace('=:', '=:A')),
  row('without its digest', WRONG, (call) => without(call, 'Content-Digest')),
  row('with two digests', 'field_repeated', (call) => withField(call, 'Content-Digest', DIGEST)),
  row('with a digest of which nothing is known', 'body_changed', (call) =>
    resigned(replaced(call, 'Content-Digest', () => 'md5=:AAAA:')),
  ),
];
