import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An OpenID Connect issuer that is asked for its metadata and keys alone. */
export interface OidcIssuer {
  readonly url: string;
  publish(jwks: object): void;
}

/** Lives as long as this process has other things to do. */
export async function startOidcIssuer(): Promise<OidcIssuer> {
  let keys: object = { keys: [] };
  const server = createServer((request, response) => {
    const isKeys = request.url === '/jwks.json';
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(isKeys ? keys : metadata));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const metadata = {
    issuer: url,
    jwks_uri: `${url}/jwks.json`,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
  return {
    url,
    publish(jwks) {
      keys = jwks;
    },
  };
}
