import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AUDIENCE } from '../../targets/access-token.ts';
import type { Surroundings } from '../../targets/target.ts';
import { BEARER, faultOf, type PeerPath, type ProgramPath, TENANT_OF_TOKEN, USER } from '../peer-path.ts';
import { presentingEs256, TOKEN_ISSUER } from './tokens.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';

function at(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function jwtFilter(jwks: object, isCached: boolean): object {
  const login = {
    issuer: TOKEN_ISSUER,
    audiences: [AUDIENCE],
    forward: false,
    local_jwks: { inline_string: JSON.stringify(jwks) },
    claim_to_headers: [
      { header_name: 'X-User-Id', claim_name: 'sub' },
      { header_name: 'X-Tenant-Id', claim_name: 'tenant' },
    ],
    ...(isCached && { jwt_cache_config: { jwt_cache_size: 10_000 } }),
  };
  return {
    name: 'envoy.filters.http.jwt_authn',
    typed_config: {
      '@type': `${TYPE}.filters.http.jwt_authn.v3.JwtAuthentication`,
      providers: { login },
      rules: [{ match: { prefix: '/' }, requires: { provider_name: 'login' } }],
    },
  };
}

function envoyConfig({ port, upstreamPort }: Surroundings, filter: object): object {
  const manager = {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'web',
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    http_filters: [
      filter,
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` },
      },
    ],
    route_config: {
      virtual_hosts: [
        {
          name: 'api',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'api', timeout: '600s' } }],
        },
      ],
    },
  };
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }];
  return {
    static_resources: {
      listeners: [{ name: 'web', address: at(port), tcp_backlog_size: 4096, filter_chains: [{ filters }] }],
      clusters: [
        {
          name: 'api',
          type: 'STATIC',
          load_assignment: {
            cluster_name: 'api',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: at(upstreamPort) } }] }],
          },
        },
      ],
    },
  };
}

/** `isCached`: with Envoy's own cache of verified tokens, which is off unless it is asked for. */
export function envoyJwt(isCached: boolean, program: ProgramPath): PeerPath {
  return {
    needs: ['envoy'],
    webSockets: true,
    work: {
      credential: 'ES256 JWT',
      checked: isCached
        ? 'signature, issuer, audience and time; verified tokens are kept (jwt_cache_config)'
        : 'signature, issuer, audience and time on each request (the default)',
      revoked: 'when the token expires',
      identity: 'plain fields',
      credentialAtUpstream: 'no',
    },
    target: {
      name: isCached ? 'envoy-jwt-cached' : 'envoy-jwt',
      about: `Envoy jwt_authn, ES256, --concurrency 1${isCached ? ', its cache of tokens on' : ''}`,
      faultIn: (head) => faultOf(head, [USER, TENANT_OF_TOKEN], BEARER),
      async prepare(surroundings) {
        const { jwks, requests, refused } = await presentingEs256();
        const file = path.join(surroundings.folder, 'envoy.json');
        await writeFile(file, JSON.stringify(envoyConfig(surroundings, jwtFilter(jwks, isCached))));
        return {
          command: program('envoy'),
          args: ['-c', file, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'error'],
          ...(requests !== undefined && { requests }),
          ...(refused !== undefined && { refused }),
        };
      },
    },
  };
}
