import { GATEHOUSE_VARIANTS, type GatehouseVariant, gatehouseTarget } from '../targets/gatehouse.ts';
import { prepareGatehouse } from '../targets/gatehouse-setup.ts';
import { nginx } from '../targets/nginx.ts';
import { nodeProcess } from '../targets/node-process.ts';
import { caddy } from './paths/caddy.ts';
import { envoyJwt } from './paths/envoy.ts';
import { haproxyJwt } from './paths/haproxy.ts';
import { nginxGatehouse } from './paths/nginx-gatehouse.ts';
import { oathkeeper } from './paths/oathkeeper.ts';
import { nginxOauth2Proxy } from './paths/oauth2-proxy.ts';
import { traefikGatehouse } from './paths/traefik-gatehouse.ts';
import type { PeerPath, ProgramPath, Work } from './peer-path.ts';

const GATEHOUSE_WORK: Readonly<Record<GatehouseVariant['credential'], Pick<Work, 'credential' | 'checked'>>> =
  {
    apiKey: { credential: 'API key', checked: 'looked up, and remembered' },
    bearer: { credential: 'ES256 JWT', checked: 'verified once, and remembered' },
    coldBearer: { credential: 'ES256 JWT', checked: 'signature, issuer, audience and time on each request' },
    session: {
      credential: 'session cookie, and two cookies of the upstream kept for it',
      checked: 'looked up, and remembered',
    },
  };

function gatehouse(name: string): PeerPath {
  const variant = GATEHOUSE_VARIANTS.find((candidate) => candidate.name === name);
  if (variant === undefined) throw new Error(`no variant ${name}`);
  return {
    needs: [],
    webSockets: true,
    target: gatehouseTarget(variant, prepareGatehouse),
    work: {
      ...GATEHOUSE_WORK[variant.credential],
      revoked: 'at once, on all replicas',
      identity: variant.identity === 'assertion' ? 'fields and a signed assertion' : 'fields',
      credentialAtUpstream: 'no',
    },
  };
}

/** Paths that are measured in turns with each other. */
export interface PeerGroup {
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  readonly paths: readonly PeerPath[];
}

/** All groups. `bare` and Gatehouse with a bearer token are in each, so that they can be compared. `program` is asked when a path is started. */
export function peerGroups(program: ProgramPath): readonly PeerGroup[] {
  const bare: PeerPath = {
    needs: [],
    webSockets: false,
    work: undefined,
    target: nodeProcess('bare', 'node:http and undici dispatch, nothing else'),
  };
  const httpProxy: PeerPath = {
    needs: [],
    webSockets: true,
    work: undefined,
    target: nodeProcess('fastify-http-proxy', '@fastify/http-proxy, no request logging'),
  };
  const nginxPath: PeerPath = { needs: ['nginx'], webSockets: true, work: undefined, target: nginx };
  const bearer = gatehouse('gatehouse-bearer-assertion');
  return [
    {
      name: 'plain',
      about: 'Gatehouse against proxies that authenticate nobody',
      paths: [
        bare,
        httpProxy,
        nginxPath,
        caddy(program),
        gatehouse('gatehouse-key-assertion'),
        bearer,
        gatehouse('gatehouse-session-assertion'),
      ],
    },
    {
      name: 'jwt',
      about: 'proxies that verify JWTs by themselves',
      paths: [
        bare,
        bearer,
        gatehouse('gatehouse-bearer-cold'),
        haproxyJwt('HS256', program),
        haproxyJwt('ES256', program),
        envoyJwt(false, program),
        envoyJwt(true, program),
      ],
    },
    {
      name: 'asked',
      about: 'proxies that ask an authentication service on each request, and Oathkeeper, which is both',
      paths: [
        bare,
        bearer,
        nginxGatehouse(program),
        nginxOauth2Proxy('bearer', program),
        nginxOauth2Proxy('session', program),
        traefikGatehouse(program),
        oathkeeper(program),
      ],
    },
  ];
}

/** Of all paths, each once. */
export const PEER_NAMES: readonly string[] = [
  ...new Set(
    peerGroups((name) => name)
      .flatMap(({ paths }) => paths)
      .map(({ target }) => target.name),
  ),
];
