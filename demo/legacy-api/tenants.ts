/** The tenants of the legacy API. A key means a tenant; users live in the tenant's own table. All secrets here are demo data. */
import type { IncomingMessage } from 'node:http';

/** What the API says about a user, in its own shape. `companies` names every tenant that the user works for. */
export interface UserProfile {
  readonly id: number;
  readonly name: string;
  readonly roles: readonly string[];
  readonly companies: readonly string[];
}

interface UserRow {
  readonly login: string;
  readonly password: string;
  readonly profile: UserProfile;
}

export interface Tenant {
  readonly id: string;
  readonly key: string;
  readonly users: readonly UserRow[];
}

/** `anna` exists in both tables and is two different people, so a login that asks the wrong table is noticed. */
export const TENANTS: readonly Tenant[] = [
  {
    id: 'acme',
    key: 'acme-legacy-4711',
    users: [
      {
        login: 'anna',
        password: 'acme-anna-pw',
        profile: { id: 17, name: 'Anna Ackermann', roles: ['clerk'], companies: ['acme', 'globex'] },
      },
      {
        login: 'bert',
        password: 'acme-bert-pw',
        profile: { id: 18, name: 'Bert Böhm', roles: ['clerk', 'admin'], companies: ['acme'] },
      },
    ],
  },
  {
    id: 'globex',
    key: 'globex-legacy-0815',
    users: [
      {
        login: 'anna',
        password: 'globex-anna-pw',
        profile: { id: 17, name: 'Anna Gruber', roles: ['viewer'], companies: ['globex'] },
      },
    ],
  },
];

/** `undefined` = no key, an unknown key, or the field sent twice (node joins the two with a comma). */
export function tenantOf(request: IncomingMessage): Tenant | undefined {
  const key = request.headers['x-api-key'];
  return TENANTS.find((tenant) => tenant.key === key);
}

/** `undefined` = no such user in this tenant's table, or another password. */
export function findUser(tenant: Tenant, login: unknown, password: unknown): UserProfile | undefined {
  return tenant.users.find((row) => row.login === login && row.password === password)?.profile;
}
