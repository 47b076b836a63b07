import { nginxLaunch } from '../../targets/nginx.ts';
import { BEARER, faultOf, type PeerPath, type ProgramPath, TENANT_OF_TOKEN, USER } from '../peer-path.ts';
import { ASKED_GATEHOUSE_WORK, prepareAskedGatehouse } from './asked-gatehouse.ts';
import { nginxAskingConfig } from './nginx-asking.ts';

const ASSERTION = /^x-gatehouse-assertion: \S+\.\S+\.\S+$/im;

/** All that Gatehouse says of a request, as the recipe for nginx takes it over. */
const TAKEN_OVER = {
  'X-Tenant-Id': 'x_tenant_id',
  'X-User-Id': 'x_user_id',
  'X-User-Roles': 'x_user_roles',
  'X-Gatehouse-Assertion': 'x_gatehouse_assertion',
  Authorization: 'authorization',
  'X-API-Key': 'x_api_key',
  Cookie: 'cookie',
};

export function nginxGatehouse(program: ProgramPath): PeerPath {
  return {
    needs: ['nginx'],
    webSockets: true,
    work: ASKED_GATEHOUSE_WORK,
    target: {
      name: 'nginx-gatehouse',
      about: 'nginx with auth_request to Gatehouse',
      faultIn: (head) => faultOf(head, [USER, TENANT_OF_TOKEN, ASSERTION], BEARER),
      async prepare(surroundings) {
        const { authzPort, launch } = await prepareAskedGatehouse(surroundings);
        const config = nginxAskingConfig(surroundings, {
          port: authzPort,
          path: '/authz/nginx',
          fields: TAKEN_OVER,
        });
        return {
          ...launch,
          ...(await nginxLaunch(surroundings.folder, config)),
          command: program('nginx'),
          besides: [launch],
        };
      },
    },
  };
}
