import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AUDIENCE } from '../../targets/access-token.ts';
import type { Surroundings } from '../../targets/target.ts';
import { BEARER, faultOf, type PeerPath, type ProgramPath, TENANT_OF_TOKEN, USER } from '../peer-path.ts';
import { presentingEs256, presentingHs256, TOKEN_ISSUER } from './tokens.ts';

type Algorithm = 'HS256' | 'ES256';

/** `key`: the secret, or the file of the public key. */
function haproxyConfig({ port, upstreamPort }: Surroundings, algorithm: Algorithm, key: string): string {
  return `global
  nbthread 1
  maxconn 12000
  no strict-limits
defaults
  mode http
  timeout connect 2s
  timeout client 600s
  timeout server 600s
  timeout tunnel 600s
frontend web
  bind 127.0.0.1:${port} backlog 4096
  http-request set-var(txn.token) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.token),jwt_header_query('$.alg') -m str ${algorithm} }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.iss') -m str ${TOKEN_ISSUER} }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.aud') -m str ${AUDIENCE} }
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify("${algorithm}","${key}") -m int 1 }
  http-request set-header X-User-Id %[var(txn.token),jwt_payload_query('$.sub')]
  http-request set-header X-Tenant-Id %[var(txn.token),jwt_payload_query('$.tenant')]
  http-request del-header Authorization
  default_backend api
backend api
  http-reuse always
  server api 127.0.0.1:${upstreamPort}
`;
}

async function keyAndToken(algorithm: Algorithm, folder: string) {
  if (algorithm === 'HS256') {
    const secret = randomBytes(32).toString('hex');
    return { key: secret, ...(await presentingHs256(secret, randomBytes(32).toString('hex'))) };
  }
  const presented = await presentingEs256();
  const key = path.join(folder, 'issuer.pem');
  await writeFile(key, presented.publicKeyPem);
  return { key, ...presented };
}

export function haproxyJwt(algorithm: Algorithm, program: ProgramPath): PeerPath {
  return {
    needs: ['haproxy'],
    webSockets: true,
    work: {
      credential: `${algorithm} JWT`,
      checked: 'signature, issuer, audience and time on each request; it keeps no verified tokens',
      revoked: 'when the token expires',
      identity: 'plain fields',
      credentialAtUpstream: 'no',
    },
    target: {
      name: `haproxy-jwt-${algorithm.toLowerCase()}`,
      about: `HAProxy jwt_verify, ${algorithm}, one thread`,
      faultIn: (head) => faultOf(head, [USER, TENANT_OF_TOKEN], BEARER),
      async prepare(surroundings) {
        const { key, requests, refused } = await keyAndToken(algorithm, surroundings.folder);
        const file = path.join(surroundings.folder, 'haproxy.cfg');
        await writeFile(file, haproxyConfig(surroundings, algorithm, key));
        return {
          command: program('haproxy'),
          args: ['-db', '-f', file],
          ...(requests !== undefined && { requests }),
          ...(refused !== undefined && { refused }),
        };
      },
    },
  };
}
