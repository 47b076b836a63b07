import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PUBLIC_HOST } from '../../load/request.ts';
import { freePort } from '../../process/ports.ts';
import { AUDIENCE } from '../../targets/access-token.ts';
import { faultOf, ONE_CORE, type PeerPath, type ProgramPath, TENANT_OF_TOKEN, USER } from '../peer-path.ts';
import { presentingEs256, TOKEN_ISSUER } from './tokens.ts';

function rules(upstreamPort: number): object {
  return [
    {
      id: 'api',
      match: { url: `http://${PUBLIC_HOST}/<.*>`, methods: ['GET', 'POST'] },
      upstream: { url: `http://127.0.0.1:${upstreamPort}`, preserve_host: true },
      authenticators: [{ handler: 'jwt' }],
      authorizer: { handler: 'allow' },
      mutators: [{ handler: 'header' }],
    },
  ];
}

function config(port: number, apiPort: number, rulesFile: string, jwksFile: string): object {
  const here = { host: '127.0.0.1', timeout: { read: '600s', write: '600s', idle: '600s' } };
  return {
    serve: {
      proxy: { ...here, port },
      api: { ...here, port: apiPort },
      prometheus: { host: '127.0.0.1', port: 0 },
    },
    log: { level: 'error' },
    access_rules: { repositories: [`file://${rulesFile}`] },
    authenticators: {
      jwt: {
        enabled: true,
        config: {
          jwks_urls: [`file://${jwksFile}`],
          trusted_issuers: [TOKEN_ISSUER],
          target_audience: [AUDIENCE],
          allowed_algorithms: ['ES256'],
        },
      },
    },
    authorizers: { allow: { enabled: true } },
    mutators: {
      header: {
        enabled: true,
        config: {
          headers: { 'X-User-Id': '{{ print .Subject }}', 'X-Tenant-Id': '{{ print .Extra.tenant }}' },
        },
      },
    },
  };
}

export function oathkeeper(program: ProgramPath): PeerPath {
  return {
    needs: ['oathkeeper'],
    webSockets: true,
    work: {
      credential: 'ES256 JWT',
      checked: 'signature, issuer, audience and time on each request',
      revoked: 'when the token expires',
      identity: 'plain fields',
      credentialAtUpstream: 'yes',
    },
    target: {
      name: 'oathkeeper-jwt',
      about: 'Oathkeeper, jwt authenticator and header mutator, GOMAXPROCS 1',
      faultIn: (head) => faultOf(head, [USER, TENANT_OF_TOKEN]),
      async prepare({ port, upstreamPort, folder }) {
        const { jwks, requests, refused } = await presentingEs256();
        const [rulesFile, jwksFile, file] = ['rules.json', 'jwks.json', 'oathkeeper.json'].map((name) =>
          path.join(folder, name),
        ) as [string, string, string];
        await writeFile(rulesFile, JSON.stringify(rules(upstreamPort)));
        await writeFile(jwksFile, JSON.stringify(jwks));
        await writeFile(file, JSON.stringify(config(port, await freePort(), rulesFile, jwksFile)));
        return {
          command: program('oathkeeper'),
          args: ['serve', '--config', file, '--disable-telemetry'],
          env: ONE_CORE,
          ...(requests !== undefined && { requests }),
          ...(refused !== undefined && { refused }),
        };
      },
    },
  };
}
