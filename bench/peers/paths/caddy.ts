import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UPSTREAM_CONNECTIONS } from '../../targets/processes/arguments.ts';
import { ONE_CORE, type PeerPath, type ProgramPath } from '../peer-path.ts';

export function caddy(program: ProgramPath): PeerPath {
  return {
    needs: ['caddy'],
    webSockets: true,
    work: undefined,
    target: {
      name: 'caddy',
      about: 'Caddy reverse_proxy, GOMAXPROCS 1',
      async prepare({ port, upstreamPort, folder }) {
        const file = path.join(folder, 'Caddyfile');
        await writeFile(
          file,
          `{
	admin off
	persist_config off
	log {
		level ERROR
	}
}
http://:${port} {
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:${upstreamPort} {
		transport http {
			keepalive 600s
			keepalive_idle_conns_per_host ${UPSTREAM_CONNECTIONS}
		}
	}
}
`,
        );
        return {
          command: program('caddy'),
          args: ['run', '--config', file, '--adapter', 'caddyfile'],
          env: { ...ONE_CORE, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
        };
      },
    },
  };
}
