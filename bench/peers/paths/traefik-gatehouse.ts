import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Surroundings } from '../../targets/target.ts';
import {
  BEARER,
  faultOf,
  ONE_CORE,
  type PeerPath,
  type ProgramPath,
  TENANT_OF_TOKEN,
  USER,
} from '../peer-path.ts';
import { ASKED_GATEHOUSE_WORK, prepareAskedGatehouse } from './asked-gatehouse.ts';

const ASSERTION = /^x-gatehouse-assertion: \S+\.\S+\.\S+$/im;

const ANSWER_FIELDS = [
  'X-Tenant-Id',
  'X-User-Id',
  'X-User-Roles',
  'X-Gatehouse-Assertion',
  'Authorization',
  'X-API-Key',
  'Cookie',
];

function dynamicConfig({ upstreamPort }: Surroundings, authzPort: number): object {
  return {
    http: {
      routers: {
        api: { entryPoints: ['web'], rule: 'PathPrefix(`/`)', middlewares: ['gatehouse'], service: 'api' },
      },
      middlewares: {
        gatehouse: {
          forwardAuth: {
            address: `http://127.0.0.1:${authzPort}/authz/forward`,
            trustForwardHeader: false,
            maxResponseBodySize: 16_384,
            authResponseHeaders: ANSWER_FIELDS,
          },
        },
      },
      services: { api: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${upstreamPort}` }] } } },
    },
  };
}

export function traefikGatehouse(program: ProgramPath): PeerPath {
  return {
    needs: ['traefik'],
    webSockets: true,
    work: ASKED_GATEHOUSE_WORK,
    target: {
      name: 'traefik-gatehouse',
      about: 'Traefik with ForwardAuth to Gatehouse, GOMAXPROCS 1',
      faultIn: (head) => faultOf(head, [USER, TENANT_OF_TOKEN, ASSERTION], BEARER),
      async prepare(surroundings) {
        const { port, folder } = surroundings;
        const { authzPort, launch } = await prepareAskedGatehouse(surroundings);
        const dynamic = path.join(folder, 'dynamic.yaml');
        const fixed = path.join(folder, 'traefik.yaml');
        await writeFile(dynamic, JSON.stringify(dynamicConfig(surroundings, authzPort)));
        await writeFile(
          fixed,
          JSON.stringify({
            entryPoints: { web: { address: `127.0.0.1:${port}` } },
            providers: { file: { filename: dynamic, watch: false } },
            log: { level: 'ERROR' },
            global: { checkNewVersion: false, sendAnonymousUsage: false },
          }),
        );
        return {
          ...launch,
          command: program('traefik'),
          args: [`--configFile=${fixed}`],
          env: ONE_CORE,
          besides: [launch],
        };
      },
    },
  };
}
