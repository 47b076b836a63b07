/**
 * Verifies what Gatehouse sends to an upstream. Node 18 or later, no dependency; ../README.md says which of the two to use.
 *
 *   const verify = assertionVerifier({ jwksUrl: `${GATEWAY}/.well-known/jwks.json`, issuer: GATEWAY, audience: 'legacy' });
 *   const verdict = await verify(request); // an IncomingMessage; signatureVerifier({ keys, fields }) is called in the same way
 *   if (!verdict.ok) return answer(verdict.code === 'keys_unavailable' ? 503 : 401); // else: verdict.identity
 *
 * A verifier never throws about a request: what cannot be verified is `{ ok: false, code, cause }`.
 */
'use strict';
const { createHash, createHmac, createPublicKey, timingSafeEqual, verify } = require('node:crypto');

const LONGEST_ASSERTION = 16_384;
const DEEPEST_JSON = 64;
/** Seconds: between two questions for the keys; of an answer without max-age; past it, while nobody answers. */
const COOL_DOWN = 10;
const DEFAULT_MAX_AGE = 300;
const STALE = 600;

const ALGORITHMS = {
  ES256: {
    fits: (jwk) => jwk.kty === 'EC' && jwk.crv === 'P-256',
    verify: (key, input, signature) => verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature),
  },
  RS256: {
    fits: (jwk) => jwk.kty === 'RSA' && Buffer.from(String(jwk.n), 'base64url').length >= 256,
    verify: (key, input, signature) => verify('sha256', input, key, signature),
  },
  EdDSA: {
    fits: (jwk) => jwk.kty === 'OKP' && jwk.crv === 'Ed25519',
    verify: (key, input, signature) => verify(null, input, key, signature),
  },
};

class Refused extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

function check(condition, code) {
  if (!condition) throw new Refused(code);
}

async function verdictOf(decide) {
  try {
    return { ok: true, identity: await decide() };
  } catch (cause) {
    return { ok: false, code: cause instanceof Refused ? cause.code : 'internal', cause };
  }
}

/** Values by name; names that some server takes for one (`X_Tenant_Id`, `X-Tenant-Id`) are one. */
function fieldsOf(request) {
  const fields = new Map();
  const { rawHeaders } = request;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = fold(rawHeaders[index]);
    const value = rawHeaders[index + 1].replace(/^[\t ]+|[\t ]+$/g, '');
    fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  return fields;
}

function fold(name) {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-');
}

/** The value of a field that may come once at most; empty if it is absent. */
function single(fields, name, codeIfRepeated) {
  const values = fields.get(fold(name)) ?? [];
  check(values.length < 2, codeIfRepeated);
  const value = values[0] ?? '';
  // A line break would make two lines of a signature base out of one.
  check(/^[\t\x20-\x7e\x80-\xff]*$/.test(value), 'request_malformed');
  return value;
}

/**
 * Verifies X-Gatehouse-Assertion: who acts, for which tenant. It does not bind the request.
 * `algorithms`: what the upstream's `assertion.algorithm` says. `now`: seconds since the epoch.
 */
function assertionVerifier({
  jwksUrl,
  issuer,
  audience,
  algorithms = ['ES256'],
  field = 'X-Gatehouse-Assertion',
  skewSeconds = 5,
  now = () => Date.now() / 1000,
}) {
  if (!jwksUrl || !issuer || !audience) throw new TypeError('jwksUrl, issuer and audience are needed');
  if (!algorithms.every((each) => Object.hasOwn(ALGORITHMS, each))) throw new TypeError('algorithms: unknown');
  const findKey = keySource(jwksUrl, now);

  return (request) =>
    verdictOf(async () => {
      const token = single(fieldsOf(request), field, 'assertion_repeated');
      check(token !== '', 'assertion_missing');
      const isCompact = token.length <= LONGEST_ASSERTION && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
      check(isCompact, 'assertion_malformed');
      const [headerBytes, claimBytes, signature] = token.split('.').map(bytesOf);
      const header = objectOf(headerBytes);
      check(header.typ === 'gatehouse-assertion+jwt', 'type_wrong');
      check(algorithms.includes(header.alg), 'algorithm_wrong');
      check(typeof header.kid === 'string' && !Object.hasOwn(header, 'crit'), 'assertion_malformed');
      const key = await findKey(header.kid, header.alg);
      const input = Buffer.from(token.slice(0, token.lastIndexOf('.')), 'latin1');
      check(ALGORITHMS[header.alg].verify(key, input, signature), 'signature_wrong');
      const claims = objectOf(claimBytes);
      check(claims.iss === issuer, 'issuer_wrong');
      check(claims.aud === audience, 'audience_wrong');
      check(Number.isFinite(claims.iat) && Number.isFinite(claims.exp), 'assertion_malformed');
      check(claims.iat <= now() + skewSeconds, 'not_yet_valid');
      check(now() < claims.exp + skewSeconds, 'expired');
      return identityOf(claims);
    });
}

/** Unpadded base64url with no bit to spare: each value has one text. */
function bytesOf(text) {
  const bytes = Buffer.from(text, 'base64url');
  check(bytes.toString('base64url') === text, 'assertion_malformed');
  return bytes;
}

function objectOf(bytes) {
  let value;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
    check(hasSoundMembers(text), 'assertion_malformed');
  } catch {
    throw new Refused('assertion_malformed');
  }
  check(isObject(value), 'assertion_malformed');
  return value;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of a well-formed text: no object names a member twice, and the nesting has an end. */
function hasSoundMembers(text) {
  const open = [];
  for (const [token, name, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*(:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') {
      if (open.push(new Set()) > DEEPEST_JSON) return false;
    } else if (token === '}' || token === ']') open.pop();
    else if (colon !== undefined) {
      const members = open.at(-1);
      if (members.has(JSON.parse(name))) return false;
      members.add(JSON.parse(name));
    }
  }
  return true;
}

function isTextIfAny(value) {
  return value === undefined || (typeof value === 'string' && value !== '');
}

function identityOf({ sub, tenant, client, roles = [], scope = '', profile = {}, exp }) {
  const isSound =
    [sub, tenant, client].every(isTextIfAny) &&
    Array.isArray(roles) &&
    roles.every((role) => typeof role === 'string') &&
    typeof scope === 'string' &&
    isObject(profile);
  check(isSound, 'assertion_malformed');
  check(sub !== undefined, 'anonymous');
  const scopes = scope.split(' ').filter((each) => each !== '');
  return { subject: sub, tenant, client, roles, scopes, profile, expiresAt: exp };
}

/** The published keys: kept for their max-age, asked for once more when a kid is unknown, never twice within the cool-down. */
function keySource(url, now) {
  let keys = new Map();
  let freshUntil = 0;
  let usableUntil = 0;
  let nextQuestion = 0;
  let question;

  async function ask() {
    nextQuestion = now() + COOL_DOWN;
    const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(3000) });
    if (answer.status !== 200) throw new Error(`the key set: status ${answer.status}`);
    const maxAge = /(?:^|[\s,])max-age=(\d{1,6})/i.exec(answer.headers.get('cache-control') ?? '')?.[1];
    const published = await answer.json();
    const found = new Map();
    for (const jwk of published.keys) {
      const alg = Object.keys(ALGORITHMS).find((each) => ALGORITHMS[each].fits(jwk));
      if (alg === undefined || (jwk.alg !== undefined && jwk.alg !== alg)) continue;
      const { kty, crv, x, y, n, e } = jwk;
      found.set(jwk.kid, { alg, key: createPublicKey({ key: { kty, crv, x, y, n, e }, format: 'jwk' }) });
    }
    keys = found;
    freshUntil = now() + Math.max(COOL_DOWN, Number(maxAge ?? DEFAULT_MAX_AGE));
    usableUntil = freshUntil + STALE;
  }

  return async (kid, alg) => {
    if (now() >= freshUntil || !keys.has(kid)) {
      if (question === undefined && now() >= nextQuestion)
        question = ask()
          .catch(() => {}) // What is known stays usable for a while; without it the answer is keys_unavailable.
          .finally(() => {
            question = undefined;
          });
      await question;
    }
    check(now() < usableUntil, 'keys_unavailable');
    const known = keys.get(kid);
    check(known !== undefined && known.alg === alg, 'key_unknown');
    return known.key;
  };
}

const OF_THE_REQUEST = ['@method', '@authority', '@path', '@query'];
const SIGNATURE_INPUT =
  /^gatehouse=(\(("[^"]*"(?: "[^"]*"){0,99})\);created=([0-9]{1,11});expires=([0-9]{1,11});nonce="([\w-]{16,64})";keyid="((?:[^"\\]|\\["\\]){0,256})";alg="([\w-]+)")$/;

/**
 * Verifies Signature (RFC 9421, hmac-sha256): the identity fields belong to this request.
 * `keys`: secrets by key id, the next one beside the current one while they rotate. `fields`: those of the upstream's
 * `identity.fields`, and the assertion's if there is one. `useNonce(keyId, nonce, expires)`: true the first time; without it
 * a request can be replayed until it expires. `body`: its bytes, if a Content-Digest shall bind it.
 * The identity: `fields`, values by the names given (`undefined` without one), and `bodyBound`.
 */
function signatureVerifier({ keys, fields: names, useNonce, skewSeconds = 5, now = () => Date.now() / 1000 }) {
  const secrets = new Map(Object.entries(keys));
  if (secrets.size === 0 || [...secrets.values()].some((secret) => Buffer.byteLength(secret) < 32))
    throw new TypeError('keys: at least one secret, each of at least 32 bytes');
  if (names.length === 0) throw new TypeError('fields: the names of the identity fields');

  return (request, body) =>
    verdictOf(async () => {
      const fields = fieldsOf(request);
      const input = single(fields, 'Signature-Input', 'signature_repeated');
      const signature = single(fields, 'Signature', 'signature_repeated');
      check(input !== '' && signature !== '', 'signature_missing');
      const parsed = SIGNATURE_INPUT.exec(input);
      check(parsed !== null && /^gatehouse=:[A-Za-z0-9+/]+=*:$/.test(signature), 'signature_malformed');
      const [, parameters, list, created, expires, nonce, quotedId, algorithm] = parsed;
      check(algorithm === 'hmac-sha256', 'algorithm_wrong');
      const keyId = quotedId.replace(/\\(.)/g, '$1');
      check(secrets.has(keyId), 'key_unknown');

      const components = list.split(' ').map((each) => each.slice(1, -1));
      check(new Set(components).size === components.length, 'signature_malformed');
      let base = '';
      for (const component of components) base += `"${component}": ${valueOf(component, request, fields)}\n`;
      base += `"@signature-params": ${parameters}`;
      const expected = createHmac('sha256', secrets.get(keyId)).update(base, 'latin1').digest('base64');
      check(isEqual(`gatehouse=:${expected}:`, signature), 'signature_wrong');
      check(Number(created) < Number(expires), 'signature_malformed');
      check(Number(created) <= now() + skewSeconds, 'not_yet_valid');
      check(now() < Number(expires) + skewSeconds, 'expired');

      const isCovered = (name) => components.includes(name.toLowerCase());
      check(OF_THE_REQUEST.every(isCovered), 'component_missing');
      const digest = single(fields, 'Content-Digest', 'field_repeated');
      check(digest === '' || isCovered('Content-Digest'), 'component_missing');
      check(names.some(isCovered), 'anonymous');
      check(names.every(isCovered), 'component_missing');
      const isBound = digest !== '' && body !== undefined;
      check(!isBound || hasDigest(body, digest), 'body_changed');
      check(useNonce === undefined || (await useNonce(keyId, nonce, Number(expires))) === true, 'replayed');
      const values = names.map((name) => [name, single(fields, name, 'field_repeated') || undefined]);
      return { fields: Object.fromEntries(values), bodyBound: isBound };
    });
}

/** A covered field that is absent counts as empty: some servers drop empty ones. */
function valueOf(component, { method, url }, fields) {
  const query = url.indexOf('?');
  check(/^\/[\x21-\x7e\x80-\xff]*$/.test(url) && /^[\x21-\x7e]+$/.test(method), 'request_malformed');
  if (component === '@method') return method;
  if (component === '@path') return query === -1 ? url : url.slice(0, query);
  if (component === '@query') return query === -1 ? '?' : url.slice(query);
  if (component === '@authority') {
    const host = single(fields, 'Host', 'field_repeated');
    check(host !== '', 'request_malformed');
    return host.toLowerCase();
  }
  check(/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(component), 'signature_malformed');
  return single(fields, component, 'field_repeated');
}

/** RFC 9530: every digest of an algorithm that is known fits, and there is one. */
function hasDigest(body, field) {
  const members = field.split(',').map((each) => /^[\t ]*sha-(256|512)=:([^:]*):[\t ]*$/.exec(each));
  const known = members.filter((each) => each !== null);
  const digestOf = (bits) => createHash(`sha${bits}`).update(body).digest('base64');
  return known.length > 0 && known.every(([, bits, digest]) => isEqual(digestOf(bits), digest));
}

function isEqual(...texts) {
  const [first, second] = texts.map((text) => Buffer.from(text, 'latin1'));
  return first.length === second.length && timingSafeEqual(first, second);
}

module.exports = { assertionVerifier, signatureVerifier };
