import type { EpochMilliseconds } from '../base/clock.ts';
import type { Client, ClientId, ClientSecretDigest } from './client.ts';

/** What an administrator says about a new client. */
export interface ClientDescription {
  readonly id: ClientId;
  /** Default: the id. */
  readonly name?: string;
  readonly isPublic: boolean;
  readonly grants: Client['grants'];
  readonly scopes: Client['scopes'];
  readonly tenants: Client['tenants'];
  readonly login?: string;
  readonly browserSession: boolean;
  readonly origins: Client['origins'];
  /** Default: `tokens.format` as it is now. */
  readonly accessTokenFormat?: Client['accessTokenFormat'];
}

/** Absent members stay as they are. */
export interface ClientChange
  extends Partial<
    Pick<
      Client,
      'name' | 'grants' | 'scopes' | 'tenants' | 'browserSession' | 'origins' | 'accessTokenFormat'
    >
  > {
  /** `null`: no login any more. */
  readonly login?: string | null;
}

/** The first revision of a client. */
export function describedClient(
  description: ClientDescription,
  defaultFormat: Client['accessTokenFormat'],
  secrets: readonly ClientSecretDigest[],
  createdAt: EpochMilliseconds,
): Client {
  const { id, isPublic, grants, scopes, tenants, login, browserSession, origins } = description;
  return {
    id,
    name: description.name ?? id,
    origin: 'stored',
    isPublic,
    secrets,
    grants,
    scopes,
    tenants,
    ...(login !== undefined && { login }),
    browserSession,
    origins,
    accessTokenFormat: description.accessTokenFormat ?? defaultFormat,
    createdAt,
    revision: 1,
  };
}

/** The next revision of a client. */
export function changedClient(client: Client, change: ClientChange): Client {
  const { login: formerLogin, ...rest } = client;
  const login = change.login === undefined ? formerLogin : change.login;
  return {
    ...rest,
    name: change.name ?? client.name,
    grants: change.grants ?? client.grants,
    scopes: change.scopes ?? client.scopes,
    tenants: change.tenants ?? client.tenants,
    ...(login !== undefined && login !== null && { login }),
    browserSession: change.browserSession ?? client.browserSession,
    origins: change.origins ?? client.origins,
    accessTokenFormat: change.accessTokenFormat ?? client.accessTokenFormat,
    revision: client.revision + 1,
  };
}
