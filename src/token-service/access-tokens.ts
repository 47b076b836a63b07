import { hash } from 'node:crypto';
import {
  ACCESS_TOKEN_ALGORITHM,
  ACCESS_TOKEN_TYPE,
  audienceOf,
  OPAQUE_PREFIX,
} from '../authentication/own-tokens.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { Outage } from '../base/outage.ts';
import { BASE62, CROCKFORD_BASE32, randomText } from '../base/random-text.ts';
import { type Client, subjectOfClient } from '../clients/client.ts';
import type { Settings } from '../config/schema/config.ts';
import { signCompact } from '../keys/compact-jws.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Session } from '../sessions/session.ts';
import type { TokenStore } from '../sessions/token-store.ts';
import type { TenantId } from '../tenants/tenant.ts';

const SECRET_LENGTH = 43;
const ID_LENGTH = 16;

/** Whom an access token is for. */
export interface AccessTokenOrder {
  readonly client: Client;
  readonly tenant: TenantId;
  readonly scopes: readonly string[];
  /** Absent: the client acts for itself. */
  readonly session?: Session;
}

export interface IssuedAccessToken {
  readonly text: string;
  /** Public id (`jti`). */
  readonly id: string;
  /** At least 1: many clients take 0 for a token that never expires. */
  readonly expiresInSeconds: number;
}

export interface AccessTokens {
  /** A new access token in the form of its client. Throws `StoreUnavailable`, and `Outage` where no key signs. */
  issue(order: AccessTokenOrder, now: EpochMilliseconds): Promise<IssuedAccessToken>;
}

/** Whether the configuration lets any client have JWTs: their keys should be published before the first one is signed. */
export function signsAccessTokens({ tokens, clients }: Pick<Settings, 'tokens' | 'clients'>): boolean {
  return tokens.format === 'jwt' || Object.values(clients).some(({ accessTokens }) => accessTokens === 'jwt');
}

export function createAccessTokens(parts: {
  readonly tokens: Pick<TokenStore, 'put'>;
  readonly keyring: Pick<Keyring, 'prepare' | 'signer'>;
  readonly settings: Pick<Settings, 'publicUrl' | 'tokens'>;
}): AccessTokens {
  const { tokens, keyring, settings } = parts;
  const audience = audienceOf(settings);
  let ring: Promise<void> | undefined;

  /** For a client of the store that wants JWTs where no other does. Once there is a ring, the keyring looks after it. */
  function prepare(): Promise<void> {
    ring ??= keyring.prepare([ACCESS_TOKEN_ALGORITHM], 'access-token').catch((error: unknown) => {
      ring = undefined;
      throw error;
    });
    return ring;
  }

  /** Stored before anybody is told of it. */
  async function issueOpaque(order: AccessTokenOrder, facts: TokenFacts): Promise<string> {
    const text = `${OPAQUE_PREFIX}${randomText(BASE62, SECRET_LENGTH)}`;
    await tokens.put(hash('sha256', text), {
      kind: 'access',
      id: facts.id,
      client: order.client.id,
      ...(order.session !== undefined && { session: order.session.id }),
      tenants: [order.tenant],
      scopes: order.scopes,
      issuedAt: facts.issuedAt,
      expiresAt: facts.expiresAt,
    });
    return text;
  }

  /** RFC 9068 §2.2, with `tenant` and, of a session, `sid`. */
  async function issueJwt(order: AccessTokenOrder, facts: TokenFacts): Promise<string> {
    if (settings.publicUrl === undefined || audience === undefined)
      throw new Outage('identity_unavailable', 'a JWT access token needs publicUrl as its issuer');
    await prepare();
    const { client, session, scopes, tenant } = order;
    const claims = {
      iss: settings.publicUrl,
      aud: audience,
      sub: session?.subject ?? subjectOfClient(client.id),
      client_id: client.id,
      tenant,
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
      ...(session !== undefined && {
        sid: session.id,
        roles: session.roles,
        auth_time: Math.floor(session.authenticatedAt / 1000),
      }),
      iat: Math.floor(facts.issuedAt / 1000),
      exp: Math.floor(facts.expiresAt / 1000),
      jti: facts.id,
    };
    return signCompact(ACCESS_TOKEN_TYPE, claims, keyring.signer(ACCESS_TOKEN_ALGORITHM, 'access-token'));
  }

  return {
    async issue(order, now) {
      const end = Math.min(now + settings.tokens.access, order.session?.absoluteEnd ?? Infinity);
      const facts = { id: randomText(CROCKFORD_BASE32, ID_LENGTH), issuedAt: now, expiresAt: end };
      const isJwt = order.client.accessTokenFormat === 'jwt';
      const text = isJwt ? await issueJwt(order, facts) : await issueOpaque(order, facts);
      return { text, id: facts.id, expiresInSeconds: Math.max(1, Math.floor((end - now) / 1000)) };
    },
  };
}

interface TokenFacts {
  readonly id: string;
  readonly issuedAt: EpochMilliseconds;
  readonly expiresAt: EpochMilliseconds;
}
