import type { ApiKey } from '../api-keys/api-key.ts';
import type { KeyWithState } from '../api-keys/key-service.ts';
import type { ApiKeyState } from '../api-keys/key-state.ts';
import type { StoredAuditRecord } from '../audit/audit-store.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { StoredKeyring, StoredSigningKey } from '../keys/keyring-store.ts';
import { type Revocation, type RevocationTarget, revocationIdOf } from '../revocation/revocation.ts';
import type { AdministeredTenant } from '../tenants/tenant-service.ts';
import type { StatusReport } from './admin-context.ts';

/** What the API answers. Times are RFC 3339 in UTC. Digests and sealed keys are never shown. */

export interface KeyView {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly owner?: string;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly origin: ApiKey['origin'];
  readonly state: ApiKeyState;
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly revokedAt?: string;
  readonly replacedBy?: string;
  readonly lastUsedAt?: string;
}

export interface TenantView {
  readonly id: string;
  readonly name: string;
  readonly status: 'active' | 'suspended';
  readonly hosts: readonly string[];
  readonly issuers: readonly string[];
  readonly origin: AdministeredTenant['origin'];
  /** False: the configuration has this id or one of these hosts too, and counts. */
  readonly isInEffect: boolean;
  readonly createdAt?: string;
  readonly updatedAt?: string;
  readonly revision?: number;
}

export interface RevocationView {
  readonly id: string;
  readonly target: RevocationTarget;
  readonly issuedBefore?: string;
  readonly expiresAt?: string;
  readonly revokedAt: string;
  readonly revokedBy: string;
  readonly reason?: string;
}

export interface SigningKeyView {
  readonly kid: string;
  readonly algorithm: string;
  readonly createdAt: string;
}

export interface KeyringView {
  readonly purpose: string;
  readonly rotatedAt: string;
  readonly previous?: SigningKeyView;
  readonly current: SigningKeyView;
  readonly next: SigningKeyView;
}

export type StatusView = Omit<StatusReport, 'startedAt' | 'configuration'> & {
  readonly startedAt: string;
  readonly configuration: Omit<StatusReport['configuration'], 'loadedAt'> & { readonly loadedAt: string };
};

export type AuditRecordView = Omit<StoredAuditRecord, 'at'> & { readonly at: string };

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
  const { id, name, status, hosts, issuers } = administered.tenant;
  const view = { id, name, status, hosts, issuers, origin: administered.origin };
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

export function viewStatus({ configuration, startedAt, ...status }: StatusReport): StatusView {
  return {
    ...status,
    startedAt: instantOf(startedAt),
    configuration: { ...configuration, loadedAt: instantOf(configuration.loadedAt) },
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
