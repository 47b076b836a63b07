/** Attacks that must fail, by id. A test has the id at the start of its title; what waits has none yet. */
export interface SecurityCase {
  readonly id: string;
  /** What an attacker does. */
  readonly attack: string;
  /** Why there is no test yet. Absent: there is one. */
  readonly waitsFor?: string;
}

export interface SecuritySection {
  readonly title: string;
  readonly cases: readonly SecurityCase[];
}

const NO_MESSAGE_SIGNATURES =
  'signatures of clients (RFC 9421) are no credential yet; their fields are taken off';
const NO_DPOP = 'DPoP is not spoken; tokens that are bound to a key are refused (D06)';
const NO_CODE = 'there is no authorization code grant and no authorization endpoint yet';

function section(title: string, attacks: Readonly<Record<string, string>>): SecuritySection {
  return { title, cases: Object.entries(attacks).map(([id, attack]) => ({ id, attack })) };
}

function waiting(waitsFor: string, attacks: Readonly<Record<string, string>>): readonly SecurityCase[] {
  return Object.entries(attacks).map(([id, attack]) => ({ id, attack, waitsFor }));
}

function withWaiting(made: SecuritySection, ...more: readonly SecurityCase[]): SecuritySection {
  return { ...made, cases: [...made.cases, ...more] };
}

export const SECURITY_CASES: readonly SecuritySection[] = [
  section('Paths', {
    P01: 'a dot segment hides a protected path from its rule',
    P02: 'an encoded dot segment does',
    P03: 'two dots leave a public prefix, plain, encoded or mixed; NUL, line ends, an encoded `?`',
    P04: 'dots or slashes encoded twice',
    P05: 'path parameters that the upstream takes off',
    P06: 'a backslash that is a slash to the upstream; control bytes',
    P07: 'two slashes at the start, or an empty segment',
    P09: 'an encoded slash, in either case',
    P10: 'an encoded letter of a protected path',
    P12: 'a fragment in the target',
    P13: 'a public path in the query',
    P14: 'a second `?`, an empty query, odd bytes in it',
    P15: 'a target in absolute form, with another host than `Host`',
    P16: '`OPTIONS *`, and the asterisk with other methods',
    P17: 'CONNECT, TRACE, TRACK',
    P19: 'percent signs without two hex digits',
    P21: 'a path that leaves the base path of the upstream, or its origin',
    P22: 'tenants whose targets and paths join to one URL',
  }),
  section('Host, scheme, tenant', {
    H01: 'two `Host` fields',
    H02: 'a `Host` with a list, user, path, wildcard, encoding',
    H04: 'another case, a trailing dot, an internationalised name',
    H05: 'no `Host`, or an empty one',
    H06: '`X-Forwarded-Host` and its like, from a stranger or badly from a proxy',
    H08: 'a configuration that trusts proxies by number, or all of them',
    H09: '`:authority` that differs from `host` (HTTP/2)',
    H10: 'a TLS server name of another tenant than `Host`; an HTTP/2 connection used for two (client certificates wait)',
    H11: "a credential of one tenant on another's host",
    H12: 'two credentials at once, of one tenant or two',
    H14: 'a tenant id, claim or login field with line ends, lists, paths, names of objects',
  }),
  section('Fields', {
    T01: 'identity fields of the client, on every kind of route',
    T02: 'the same with underscores and other characters',
    T04: 'the same in several cases at once',
    T05: '`Connection` that names our fields',
    T06: '`Connection` that names the credential',
    T07: 'hop-by-hop fields passed on',
    T08: '`X-Forwarded-*`, `Forwarded`, `X-Real-IP` and their like, for the upstream to believe',
    T10: 'fields and parameters that override the method',
    T11: 'two `Authorization` fields',
    T12: 'two keys, a list of keys, an alias of the field',
    T13: 'a token in the query, in a form, or in two places',
    T14: 'bare CR or LF, NUL, folded lines in a value',
    T15: 'white space before the colon, no name, no colon',
    T17: 'thousands of fields, the credential last',
    T18: 'fields named `__proto__`, `constructor`',
    T19: 'a captured signature or assertion, replayed',
    T20: 'an old signed field, sent through the gateway',
    T21: 'credentials that reach the upstream',
    T22: "the client's `Host` as the upstream's",
  }),
  section('Framing', {
    F01: '`Content-Length` beside `Transfer-Encoding`',
    F02: 'two lengths, lists, signs, hex',
    F03: 'obscured `Transfer-Encoding`',
    F04: 'codings that nobody decodes',
    F05: '`Transfer-Encoding` in HTTP/1.0; versions that are none',
    F07: 'chunk extensions: with bare LF, without end',
    F08: 'chunks that end wrongly; sizes with signs, `0x`, overflow',
    F10: 'bare LF as line end',
    F11: 'a request in the body of GET or HEAD',
    F12: 'pipelined requests of two tenants',
    F14: 'a refusal before the body has come, and what follows on the connection',
    F15: '`Expect: 100-continue` without a credential',
    F16: '`Expect` that reaches the upstream',
    F17: 'trailers merged into fields; trailers without end',
    F18: 'HTTP/2: wrong lengths, connection fields, line ends in values',
    F19: 'an upgrade to h2c, HTTP/2 without TLS',
    F20: 'the corpus of http-desync-guardian (where it is beside the repository)',
  }),
  section('Methods, CORS, forward-auth, redirects', {
    M01: 'HEAD, and methods in other cases, past a rule for GET',
    M02: 'OPTIONS that is no preflight',
    M03: 'a preflight with credentials and a body',
    M04: 'an `Origin` that is reflected',
    M07: 'a client that tells the forward-auth listener what the original request was',
    M08: 'metadata of forward-auth that is missing, garbled or ambiguous',
    M09: 'errors inside during forward-auth',
    M10: 'identity of the client that no field overwrites',
    M11: 'refusals that reflect what was sent, or are long',
    M13: 'a login or logout that ends on a page elsewhere',
  }),
  section('Bearer tokens', {
    J01: '`alg: none` in every case; an empty signature',
    J02: 'an HMAC under a public key',
    J03: 'an HMAC under the empty key',
    J04: 'keys in the header (`jwk`, `jku`, `x5u`, `x5c`)',
    J06: '`crit` that nobody knows, `b64: false`',
    J07: 'another type: ID token, DPoP proof, refresh token, logout token',
    J08: 'no `exp`, or one that is no time',
    J10: 'no audience, or another',
    J12: 'one `kid`, two issuers',
    J13: 'a claim twice',
    J14: 'a tenant claim of another type, or confusable',
    J15: 'another spelling of a revoked token',
    J17: 'encrypted tokens that unpack to much',
    J18: 'long tokens, many dots, many members',
    J19: 'unknown `kid`s that cause fetches',
    J20: 'an issuer that is down, slow, wrong, huge, or redirects',
    J21: 'weak keys',
    J23: 'answers of introspection that vouch for nothing',
    J25: 'one user name in many spellings',
    J26: 'the corpora of Wycheproof (where they are beside the repository)',
  }),
  withWaiting(
    section('Keys and passwords', {
      S01: 'learning from a look-up or a comparison which part of a key is right',
      S02: 'finding out which users there are',
      S03: 'a key in the query',
      S04: 'a key that was revoked, has expired or was rotated',
      S09: 'a body that is written anew: numbers, escapes, encodings, members',
    }),
    ...waiting(NO_MESSAGE_SIGNATURES, {
      S05: 'a signature replayed',
      S07: 'a signature that covers too little',
      S08: 'another body under the same signature',
      S10: 'another algorithm than that of the key',
      S12: 'covered components that are ambiguous',
      S13: 'a signature over what the gateway rewrites',
      S14: 'structured fields that are malformed or huge',
      S15: 'a signature for another application or tenant',
      S16: 'the examples of RFC 9421',
    }),
  ),
  withWaiting(
    section('Proof of possession, certificates', {
      D06: 'a token that is bound to a key, presented as a bearer',
      'M-1': 'fields that claim a client certificate',
      'M-2': 'files of authorities that are missing, empty or broken',
      'M-3':
        'a certificate of an upstream that expired, is of another authority or name, or has the name in its CN only (those of clients wait)',
      'M-4': 'a token that is bound to a certificate, without it',
    }),
    ...waiting(NO_DPOP, {
      D01: 'the examples of RFC 9449',
      D02: 'a proof for another method or URL',
      D03: 'a proof replayed',
      D04: 'a proof that is old, early or undated',
      D05: 'a proof for another token',
      D07: 'a proof with a bad key or algorithm',
      D08: 'a token of another key',
      D09: 'a refresh token used with another key',
    }),
    ...waiting('clients are not asked for certificates yet', {
      'M-5': 'no certificate where a tenant demands one',
    }),
  ),
  withWaiting(
    section('Token service', {
      O07: 'a refresh token used twice, one after the other or 50 at once',
      O08: 'a rotation that is cut in the middle',
      O10: 'refreshing for ever',
      O11: 'a client that is not who it says: every way to say it',
      O12: 'assertions in place of a secret (`private_key_jwt` is refused: no such method yet)',
      O14: 'the password grant where it is not listed; guessing through it',
      O15: 'a grant that is not the client’s',
      O17: 'tokens in caches, stacks in errors, parameters twice',
      O18: 'revoking for others; a wrong hint',
      O19: 'introspection without right, or by another tenant',
      O20: 'a revoked token that is remembered',
      O21: 'metadata that names another issuer (`iss` in authorization responses waits)',
      O23: 'tokens and sessions of what was disabled',
      O25: 'a login, client or refresh token of one tenant for another',
      O26: 'private members in the published keys',
      O27: 'real clients of several languages: what they must be able to do',
    }),
    ...waiting(NO_CODE, {
      O01: 'another `redirect_uri` than the registered one',
      O02: 'no PKCE, or `plain`',
      O03: 'PKCE that is left out on one side',
      O04: 'the example of RFC 7636',
      O05: 'a code used twice',
      O22: '307, framing and forged requests at the authorization endpoint',
    }),
  ),
  section('Sessions', {
    C01: 'cookies that scripts, plain connections or other hosts get',
    C03: 'a session id that was planted before the login',
    C04: 'a cookie that was copied before the logout',
    C05: 'requests that a page elsewhere makes a browser send',
    C06: 'a session that lives on',
    C07: 'a session of one tenant on the host of another',
    C08: 'cookies that are cut, joined, forged',
    C10: 'an upstream that sets our cookies, or for the whole domain',
  }),
  section('Caches, store, revocation', {
    R01: 'a decision remembered for another question',
    R02: 'a refusal remembered for too long',
    R03: 'something remembered past its end',
    R04: 'Redis down, slow, read-only, loading, full, forgetful, replaced',
    R06: 'a revocation while a request is under way',
    R07: 'shared caches in front',
  }),
  section('Upstreams', {
    U01: '`Trailer` beside `Content-Length`',
    U02: 'an answer that governs the connection of the client',
    U04: '304 with a length',
    U05: 'answers in two framings, bad statuses, garbage, huge heads',
    U07: 'refused, reset, closed, unresolvable, silent',
    U08: '503 with `Retry-After`, and repeated requests',
    U09: 'a client that leaves while the upstream thinks',
    U10: 'a body that stalls',
    U11: 'a body that is cut short',
    U12: 'a certificate that nobody vouches for',
    U14: 'targets of tenants that are mixed up',
    U15: 'bodies of text that are decoded',
    U17: 'bodies over the limit, in every framing',
    U18: 'targets and names that lead to metadata services',
  }),
  section('WebSockets', {
    W01: 'a handshake without a credential',
    W02: 'identity of the client in the handshake',
    W03: 'a handshake of a page elsewhere',
    W04: 'an upstream that refuses, after the client was told yes',
    W05: 'handshakes that are none, to be alone with the upstream',
    W06: 'a WebSocket that outlives its credential',
    W08: 'a message that inflates',
    W09: 'a token in the query of a handshake; a ticket used twice',
  }),
  section('Errors, logs, load', {
    L01: 'secrets in logs, audit, metrics and answers',
    L03: 'slow clients: head, body, reading',
    L04: 'differences between wrong credentials',
    L05: 'guessing of keys, secrets and passwords',
    L06: 'exceptions, rejections and errors after the answer began',
    L07: 'challenges that say too much or the wrong thing',
    L10: 'a gateway that is told to end while it works',
  }),
];
