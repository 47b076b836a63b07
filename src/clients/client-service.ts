import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import { changedMeanwhile, type Expectation } from '../base/expectation.ts';
import { quoted } from '../base/quoted.ts';
import { type Refusal, refusal } from '../base/refusal.ts';
import { ok, type Result } from '../base/result.ts';
import type { Secret } from '../base/secret.ts';
import type { RevocationStore } from '../revocation/revocation-store.ts';
import type { TenantId } from '../tenants/tenant.ts';
import { type Client, type ClientId, type ClientSecretDigest, subjectOfClient } from './client.ts';
import {
  type ClientChange,
  type ClientDescription,
  changedClient,
  describedClient,
} from './client-change.ts';
import { problemsOfClient } from './client-rules.ts';
import { digestOfClientSecret, generateClientSecret, MOST_SECRETS } from './client-secret.ts';
import type { ClientStore } from './client-store.ts';

/** A client as an administrator sees it, wherever it is described. */
export interface AdministeredClient {
  readonly client: Client;
  /** False: a client of the configuration has its id and counts; requests do not see this one. */
  readonly isInEffect: boolean;
}

/** The only moment at which a secret is known. */
export interface IssuedClient extends AdministeredClient {
  /** Absent for public clients. */
  readonly secret?: Secret;
}

/** All methods throw `StoreUnavailable`. Clients of the configuration are shown, and cannot be changed here. */
export interface ClientService {
  /**
   * Under an id that a removed client had, nothing that was given out for that one comes back. An id that is revoked for good
   * is refused.
   */
  create(description: ClientDescription): Promise<Result<IssuedClient, Refusal>>;
  /** Sorted by id; of two with one id the one of the configuration comes first. */
  list(): Promise<readonly AdministeredClient[]>;
  find(id: ClientId): Promise<Result<AdministeredClient, Refusal>>;
  /** Whether a client is public cannot be changed. */
  update(
    id: ClientId,
    change: ClientChange,
    isExpected?: Expectation<AdministeredClient>,
  ): Promise<Result<AdministeredClient, Refusal>>;
  /**
   * Draws another secret. Those before it are good for `overlapMilliseconds` more at most; with 0 they are dead at once. Tokens
   * that were given out live on: who fears for those revokes the client's tokens, too.
   */
  rotateSecret(
    id: ClientId,
    overlapMilliseconds: number,
    isExpected?: Expectation<AdministeredClient>,
  ): Promise<Result<Required<IssuedClient>, Refusal>>;
  /**
   * Its tokens and sessions are refused by every replica from now on: there is no such client any more, and an entry in the
   * revocation list sees to it that a later client of the same id does not bring them back.
   */
  remove(
    id: ClientId,
    by: string,
    reason?: string,
    isExpected?: Expectation<AdministeredClient>,
  ): Promise<Result<undefined, Refusal>>;
}

export interface ClientServiceOptions {
  readonly clients: ClientStore;
  readonly revocations: Pick<RevocationStore, 'add' | 'find'>;
  /** Clients of the configuration that is serving. */
  readonly configured: () => readonly Client[];
  /** Names of the login blocks of that configuration. */
  readonly logins: () => readonly string[];
  /** `tokens.format` of that configuration. */
  readonly accessTokenFormat: () => Client['accessTokenFormat'];
  /** Whether configuration or store has this tenant. */
  readonly isTenant: (id: TenantId) => Promise<boolean>;
  readonly clock: Clock;
}

/** Of changes that do not say what they expect, others may win this often. */
const ATTEMPTS = 20;

export function createClientService(options: ClientServiceOptions): ClientService {
  const { clients, revocations, configured, logins, accessTokenFormat, isTenant, clock } = options;

  function findConfigured(id: ClientId): Client | undefined {
    return configured().find((client) => client.id === id);
  }

  function administered(client: Client): AdministeredClient {
    return { client, isInEffect: client.origin === 'configured' || findConfigured(client.id) === undefined };
  }

  async function check(client: Client): Promise<Result<undefined, Refusal>> {
    const [problem] = problemsOfClient(client);
    if (problem !== undefined) {
      const [member] = problem.path;
      return refusal('invalid', `${member}: found ${problem.found}, expected ${problem.expected}.`);
    }
    if (client.login !== undefined && !logins().includes(client.login))
      return refusal('invalid', `The configuration has no login ${quoted(client.login)}.`);
    for (const id of client.tenants === 'any' ? [] : client.tenants)
      if (!(await isTenant(id))) return refusal('invalid', `There is no tenant ${id}.`);
    return ok(undefined);
  }

  /** What was given out for an earlier client of this id, until this moment, is not the new one's. */
  async function refusePredecessor(id: ClientId): Promise<Result<undefined, Refusal>> {
    const target = { kind: 'client', client: subjectOfClient(id) } as const;
    const now = clock();
    const [entry] = await revocations.find([target], now);
    if (entry === undefined) return ok(undefined);
    if (entry.issuedBefore === undefined)
      return refusal(
        'conflict',
        `The client ${id} is revoked for good: take the revocation back, or choose another id.`,
      );
    await revocations.add({ ...entry, issuedBefore: now });
    return ok(undefined);
  }

  /** Replaces a stored client by what `next` makes of it. */
  async function change(
    id: ClientId,
    isExpected: Expectation<AdministeredClient> | undefined,
    next: (client: Client) => Promise<Result<Client, Refusal>>,
  ): Promise<Result<AdministeredClient, Refusal>> {
    if (findConfigured(id) !== undefined) return inConfiguration(id, 'change it there');
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const client = await clients.find(id);
      if (client === undefined) return noSuchClient(id);
      if (isExpected?.(administered(client)) === false) return changedMeanwhile(`client ${id}`);
      const changed = await next(client);
      if (!changed.ok) return changed;
      const outcome = await clients.replace(changed.value, client.revision);
      if (outcome === 'absent') return noSuchClient(id);
      if (outcome === 'replaced') return ok(administered(changed.value));
    }
    return changedMeanwhile(`client ${id}`);
  }

  return {
    async create(description) {
      const { id } = description;
      if (findConfigured(id) !== undefined) return idTaken(id);
      const secret = description.isPublic ? undefined : generateClientSecret();
      const secrets = secret === undefined ? [] : [{ hex: digestOfClientSecret(secret) }];
      const client = describedClient(description, accessTokenFormat(), secrets, clock());
      const checked = await check(client);
      if (!checked.ok) return checked;
      if ((await clients.find(id)) !== undefined) return idTaken(id);
      const isFree = await refusePredecessor(id);
      if (!isFree.ok) return isFree;
      if ((await clients.create(client)) === 'clash') return idTaken(id);
      return ok({ ...administered(client), ...(secret !== undefined && { secret }) });
    },

    async list() {
      const stored = await clients.list();
      return [...configured(), ...stored]
        .toSorted((one, other) => (one.id === other.id ? 0 : one.id < other.id ? -1 : 1))
        .map(administered);
    },

    async find(id) {
      const client = findConfigured(id) ?? (await clients.find(id));
      return client === undefined ? noSuchClient(id) : ok(administered(client));
    },

    update: (id, wanted, isExpected) =>
      change(id, isExpected, async (client) => {
        const changed = changedClient(client, wanted);
        const checked = await check(changed);
        return checked.ok ? ok(changed) : checked;
      }),

    async rotateSecret(id, overlapMilliseconds, isExpected) {
      const secret = generateClientSecret();
      const rotated = await change(id, isExpected, async (client) => {
        if (client.isPublic) return refusal('conflict', `The client ${id} is public and has no secret.`);
        const now = clock();
        const kept = endSecrets(client.secrets, now, now + overlapMilliseconds);
        if (kept.length >= MOST_SECRETS)
          return refusal(
            'conflict',
            `The client ${id} has ${kept.length} secrets that are still good: let one of them end first, or rotate without an overlap.`,
          );
        const secrets = [{ hex: digestOfClientSecret(secret) }, ...kept];
        return ok({ ...client, secrets, revision: client.revision + 1 });
      });
      return rotated.ok ? ok({ ...rotated.value, secret }) : rotated;
    },

    async remove(id, by, reason, isExpected) {
      if (findConfigured(id) !== undefined) return inConfiguration(id, 'remove it there');
      const client = await clients.find(id);
      if (client === undefined) return noSuchClient(id);
      if (isExpected?.(administered(client)) === false) return changedMeanwhile(`client ${id}`);
      const now = clock();
      // The entry comes first: if removing the client then fails, what was given out for it is refused all the same.
      await revocations.add({
        target: { kind: 'client', client: subjectOfClient(id) },
        issuedBefore: now,
        revokedAt: now,
        revokedBy: by,
        reason: reason ?? 'the client was removed',
      });
      const revision = isExpected === undefined ? undefined : client.revision;
      if (await clients.remove(id, revision)) return ok(undefined);
      return (await clients.find(id)) === undefined ? noSuchClient(id) : changedMeanwhile(`client ${id}`);
    },
  };
}

/** Those that are still good, each until `end` at the latest. */
function endSecrets(
  secrets: readonly ClientSecretDigest[],
  now: EpochMilliseconds,
  end: EpochMilliseconds,
): readonly ClientSecretDigest[] {
  return secrets
    .map(({ hex, expiresAt }) => ({ hex, expiresAt: Math.min(expiresAt ?? Number.POSITIVE_INFINITY, end) }))
    .filter(({ expiresAt }) => expiresAt > now);
}

function inConfiguration(id: ClientId, remedy: string) {
  return refusal('conflict', `The client ${id} is in the configuration file: ${remedy}.`);
}

function noSuchClient(id: ClientId) {
  return refusal('absent', `There is no client ${id}.`);
}

function idTaken(id: ClientId) {
  return refusal('conflict', `There is a client ${id} already.`);
}
