import type { EpochMilliseconds } from '../base/clock.ts';
import { Outage } from '../base/outage.ts';
import type { IdentitySettings } from '../config/schema/config.ts';
import { signCompact } from '../keys/compact-jws.ts';
import type { SigningKeys } from '../keys/keyring.ts';
import type { Json, Principal } from '../principals/principal.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { IdentityContext } from './identity.ts';

/** Explicit typing (RFC 8725 §3.11): what bears it can be taken for no other kind of token. */
export const ASSERTION_TYPE = 'gatehouse-assertion+jwt';

/** RFC 6749 §3.3: what may be one of the scopes of a list that is joined with spaces. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

export type AssertionSettings = NonNullable<IdentitySettings['assertion']>;

/**
 * The compact JWS about who acts, for one upstream; `undefined` = nobody does (public route) and no anonymous one is wanted.
 * Synchronous. Throws `Outage('identity_unavailable')`.
 */
export type AssertIdentity = (
  context: Pick<IdentityContext, 'principal' | 'clientPrincipal' | 'tenant' | 'now'>,
) => string | undefined;

interface Minted {
  readonly token: string;
  readonly kid: string;
  readonly mintedAt: EpochMilliseconds;
  readonly reuseUntil: EpochMilliseconds;
}

/** By tenant; `undefined` = without one. As many as the principal has tenants. */
type MintedByTenant = Map<TenantId | undefined, Minted>;

/**
 * Claims: `iss`, `aud` (the upstream), `sub` and `client` (namespaced), `tenant`, `roles`, `scope` (RFC 8693 §4.2), `profile`
 * (an object of the chosen members), `iat`, `exp`. An anonymous one has no `sub`, `client`, `roles`, `scope` and `profile`. There is no `jti`: one
 * assertion serves many requests, so a verifier must not take the second use for a replay; the request signature binds requests.
 *
 * Minted assertions are kept by the identity of the principal objects, which stand for credential, revision and configuration, and
 * reused until half their life is over or the key rotates.
 */
export function createAssertion(options: {
  readonly settings: AssertionSettings;
  readonly upstream: string;
  readonly issuer: string;
  readonly keyring: SigningKeys;
  readonly metrics: Pick<Metrics, 'cacheLookup'>;
}): AssertIdentity {
  const { settings, keyring, metrics } = options;
  const ttlSeconds = Math.floor(settings.ttl / 1000);
  const alone = new WeakMap<Principal, MintedByTenant>();
  const paired = new WeakMap<Principal, WeakMap<Principal, MintedByTenant>>();
  const anonymous: MintedByTenant = new Map();

  function mintedFor(principal: Principal | undefined, client: Principal | undefined): MintedByTenant {
    if (principal === undefined) return anonymous;
    if (client === undefined) return entryOf(alone, principal, () => new Map());
    return entryOf(
      entryOf(paired, principal, () => new WeakMap()),
      client,
      () => new Map(),
    );
  }

  return (context) => {
    const { principal, clientPrincipal, tenant, now } = context;
    if (principal === undefined && !settings.anonymous) return undefined;
    const signer = keyring.signer(settings.algorithm);
    const byTenant = mintedFor(principal, clientPrincipal);
    const known = byTenant.get(tenant?.id);
    if (known !== undefined && known.kid === signer.kid && now >= known.mintedAt && now < known.reuseUntil) {
      metrics.cacheLookup('assertion', 'hit');
      return known.token;
    }
    metrics.cacheLookup('assertion', 'miss');

    const iat = Math.floor(now / 1000);
    const end = Math.min(principal?.expiresAt ?? Infinity, clientPrincipal?.expiresAt ?? Infinity);
    if (end <= now)
      throw new Outage('identity_unavailable', 'the credential ends before an assertion could be used');
    // Whole seconds, but in the last one of a credential: a NumericDate may have a fraction (RFC 7519 §2).
    const wholeSecond = Math.floor(end / 1000);
    const exp = Math.min(iat + ttlSeconds, wholeSecond * 1000 > now ? wholeSecond : end / 1000);
    const claims = {
      iss: options.issuer,
      aud: settings.audience ?? options.upstream,
      ...(principal !== undefined && claimsOf(principal, clientPrincipal, settings.profile)),
      ...(tenant !== undefined && { tenant: tenant.id }),
      iat,
      exp,
    };
    const token = signCompact(ASSERTION_TYPE, claims, signer);
    byTenant.set(tenant?.id, {
      token,
      kid: signer.kid,
      mintedAt: now,
      reuseUntil: now + (exp * 1000 - now) / 2,
    });
    return token;
  };
}

function entryOf<K extends object, V>(map: WeakMap<K, V>, key: K, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}

function claimsOf(
  principal: Principal,
  clientPrincipal: Principal | undefined,
  profile: readonly string[],
): Readonly<Record<string, Json>> {
  const { client } = clientPrincipal ?? principal;
  const scope = [...principal.scopes].filter((each) => SCOPE.test(each)).join(' ');
  const members: [string, Json][] = [];
  for (const name of profile) {
    const member = Object.hasOwn(principal.profile, name) ? principal.profile[name] : undefined;
    if (member !== undefined) members.push([name, member]);
  }
  return {
    sub: principal.subject,
    ...(client !== undefined && { client }),
    roles: [...principal.roles],
    ...(scope !== '' && { scope }),
    ...(members.length > 0 && { profile: Object.fromEntries(members) }),
  };
}
