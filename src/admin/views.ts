import type { KeyWithState } from '../api-keys/key-service.ts';
import type { StoredAuditRecord } from '../audit/audit-store.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { definedMembers } from '../base/defined-members.ts';
import { formatRate } from '../base/rate.ts';
import type { AdministeredClient } from '../clients/client-service.ts';
import type { StoredKeyring, StoredSigningKey } from '../keys/keyring-store.ts';
import { type Revocation, revocationIdOf } from '../revocation/revocation.ts';
import type { Session } from '../sessions/session.ts';
import type { AdministeredTenant } from '../tenants/tenant-service.ts';
import type { StatusReport } from './admin-context.ts';
import type { ClientView } from './schemas/clients.ts';
import type { KeyView } from './schemas/keys.ts';
import type { AuditRecordView, KeyringView, SigningKeyView, StatusView } from './schemas/operations.ts';
import type { RevocationView } from './schemas/revocations.ts';
import type { SessionView } from './schemas/sessions.ts';
import type { TenantView } from './schemas/tenants.ts';

export type { KeyView } from './schemas/keys.ts';
export type { AuditRecordView } from './schemas/operations.ts';

/** What the API answers. Digests and sealed keys are never shown. */

export function viewKey({ apiKey, state }: KeyWithState): KeyView {
  const { id, tenant, name, owner, scopes, roles, origin, replacedBy } = apiKey;
  return {
    id,
    tenant,
    name,
    ...(owner !== undefined && { owner }),
    scopes,
    roles,
    origin,
    state,
    createdAt: instantOf(apiKey.createdAt),
    ...optionalInstant('expiresAt', apiKey.expiresAt),
    ...optionalInstant('revokedAt', apiKey.revokedAt),
    ...(replacedBy !== undefined && { replacedBy }),
    ...optionalInstant('lastUsedAt', apiKey.lastUsedAt),
  };
}

export function viewTenant(administered: AdministeredTenant): TenantView {
  const { id, name, status, hosts, issuers, requestLimit } = administered.tenant;
  const view = {
    id,
    name,
    status,
    hosts,
    issuers,
    ...(requestLimit !== undefined && { requestLimit: formatRate(requestLimit) }),
    origin: administered.origin,
  };
  if (administered.origin === 'configured') return { ...view, isInEffect: true };
  const { createdAt, updatedAt, revision } = administered.tenant;
  return {
    ...view,
    isInEffect: administered.isInEffect,
    createdAt: instantOf(createdAt),
    updatedAt: instantOf(updatedAt),
    revision,
  };
}

/** Of its secrets, those that are still good, by their end alone. */
export function viewClient({ client, isInEffect }: AdministeredClient, now: EpochMilliseconds): ClientView {
  const { id, name, origin, isPublic, grants, scopes, tenants, login, browserSession, origins } = client;
  return {
    id,
    name,
    origin,
    isInEffect,
    isPublic,
    secrets: client.secrets
      .filter(({ expiresAt }) => expiresAt === undefined || now < expiresAt)
      .map(({ expiresAt }) => optionalInstant('expiresAt', expiresAt)),
    grants,
    scopes,
    tenants,
    ...(login !== undefined && { login }),
    browserSession,
    origins,
    accessTokenFormat: client.accessTokenFormat,
    ...(origin === 'stored' && { createdAt: instantOf(client.createdAt), revision: client.revision }),
  };
}

export function viewRevocation(revocation: Revocation): RevocationView {
  const { target, revokedBy, reason } = revocation;
  return {
    id: revocationIdOf(target),
    target,
    ...optionalInstant('issuedBefore', revocation.issuedBefore),
    ...optionalInstant('expiresAt', revocation.expiresAt),
    revokedAt: instantOf(revocation.revokedAt),
    revokedBy,
    ...(reason !== undefined && { reason }),
  };
}

/** Neither digests nor what is kept of the upstream are shown, nor the profile, which the upstream may show to fewer people. */
export function viewSession(session: Session): SessionView {
  const { id, kind, login, subject, user, tenant, tenants, roles, scopes, client, host, peer, agent } =
    session;
  return {
    id,
    kind,
    login,
    subject,
    user: definedMembers(user),
    tenant,
    tenants,
    roles,
    scopes,
    ...(client !== undefined && { client }),
    host,
    peer,
    agent,
    authenticatedAt: instantOf(session.authenticatedAt),
    expiresAt: instantOf(session.expiresAt),
    absoluteEnd: instantOf(session.absoluteEnd),
    ...optionalInstant('refreshableUntil', endOfRotation(session)),
  };
}

function endOfRotation({ rotation }: Session): EpochMilliseconds | undefined {
  return rotation === undefined ? undefined : Math.min(rotation.idleEnd, rotation.absoluteEnd);
}

export function viewKeyring({ purpose, rotatedAt, previous, current, next }: StoredKeyring): KeyringView {
  return {
    purpose,
    rotatedAt: instantOf(rotatedAt),
    ...(previous !== undefined && { previous: viewSigningKey(previous) }),
    current: viewSigningKey(current),
    next: viewSigningKey(next),
  };
}

function viewSigningKey({ kid, algorithm, createdAt }: StoredSigningKey): SigningKeyView {
  return { kid, algorithm, createdAt: instantOf(createdAt) };
}

export function viewStatus({ configuration, startedAt, replicas, ...status }: StatusReport): StatusView {
  return {
    ...status,
    startedAt: instantOf(startedAt),
    configuration: { ...configuration, loadedAt: instantOf(configuration.loadedAt) },
    replicas: replicas.map(({ lagMilliseconds, ...replica }) => ({
      ...replica,
      startedAt: instantOf(replica.startedAt),
      lagMilliseconds: Number.isFinite(lagMilliseconds) ? lagMilliseconds : null,
    })),
  };
}

export function viewAuditRecord(record: StoredAuditRecord): AuditRecordView {
  return { ...record, at: instantOf(record.at) };
}

/** A time past what a date can say (year 275,760) counts as that. */
export function instantOf(time: EpochMilliseconds): string {
  return new Date(Math.min(time, 8.64e15)).toISOString();
}

function optionalInstant<K extends string>(
  name: K,
  time: EpochMilliseconds | undefined,
): { readonly [key in K]?: string } {
  return time === undefined ? {} : ({ [name]: instantOf(time) } as { readonly [key in K]: string });
}
