/** An external token issuer, as a tenant's identity provider would be: discovery, JWKS, client_credentials, introspection. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
// Not the package's entry: that one warns of every Node build without an LTS name, which the pinned 26 is on some platforms.
import { Provider } from 'oidc-provider/lib/provider.js';
import { issuerConfiguration, ROUTES } from './configuration.ts';

export interface Issuer {
  /** The `iss` of its tokens and the base of its discovery document. */
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly jwksUri: string;
  readonly introspectionEndpoint: string;
  readonly close: () => Promise<void>;
}

/** On 127.0.0.1; port 0 takes a free one. Rejects when the port is taken. */
export async function startIssuer(options: { readonly port: number }): Promise<Issuer> {
  const server = createServer();
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  server.on('request', new Provider(issuer, issuerConfiguration()).callback());

  async function close(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  return {
    issuer,
    tokenEndpoint: issuer + ROUTES.token,
    jwksUri: issuer + ROUTES.jwks,
    introspectionEndpoint: issuer + ROUTES.introspection,
    close,
  };
}
