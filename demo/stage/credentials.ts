/** What the clients of the demo present: keys from the command line, tokens from the issuer. */
import { fetchToken } from '../issuer/fetch-token.ts';
import { legacyKeyOf } from './configuration.ts';
import { askGatehouse } from './gatehouse-process.ts';

export interface DemoCredentials {
  /** Reads and writes orders of acme. */
  readonly acmeKey: string;
  /** May only read. */
  readonly acmeReadKey: string;
  readonly globexKey: string;
  readonly revokedKey: string;
  /** The key that clients of acme have today, imported as it is. */
  readonly acmeLegacyKey: string;
  readonly acmeJwt: string;
  readonly acmeOpaqueToken: string;
  readonly globexJwt: string;
}

const READ = ['--scope', 'orders:read'];
const WRITE = ['--scope', 'orders:write'];

interface Issued {
  readonly id: string;
  readonly key: string;
}

export async function issueCredentials(
  admin: readonly string[],
  tokenEndpoint: string,
): Promise<DemoCredentials> {
  async function create(tenant: string, name: string, scopes: readonly string[]): Promise<Issued> {
    const command = ['keys', 'create', '--tenant', tenant, '--name', name, ...scopes];
    return (await askGatehouse(admin, command)) as Issued;
  }
  const legacyKey = legacyKeyOf('acme');
  const [acme, reader, globex, revoked] = await Promise.all([
    create('acme', 'Acme ERP', [...READ, ...WRITE]),
    create('acme', 'Acme dashboard', READ),
    create('globex', 'Globex ERP', [...READ, ...WRITE]),
    create('acme', 'Acme laptop that was lost', READ),
    // Through standard input: what stands on a command line can be read by every user of the machine.
    askGatehouse(
      admin,
      ['keys', 'import', '--tenant', 'acme', '--name', 'Acme, key of 2009', ...READ, ...WRITE],
      `${legacyKey}\n`,
    ),
  ]);
  await askGatehouse(admin, ['keys', 'revoke', revoked.id, '--reason', 'laptop lost']);
  const [acmeJwt, acmeOpaqueToken, globexJwt] = await Promise.all([
    fetchToken({ tokenEndpoint, tenant: 'acme', format: 'jwt' }),
    fetchToken({ tokenEndpoint, tenant: 'acme', format: 'opaque' }),
    fetchToken({ tokenEndpoint, tenant: 'globex', format: 'jwt' }),
  ]);
  return {
    acmeKey: acme.key,
    acmeReadKey: reader.key,
    globexKey: globex.key,
    revokedKey: revoked.key,
    acmeLegacyKey: legacyKey,
    acmeJwt,
    acmeOpaqueToken,
    globexJwt,
  };
}
