import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findProgram } from '../../scripts/packages.ts';
import { UPSTREAM_CONNECTIONS } from './processes/arguments.ts';
import type { Program, Surroundings, Target } from './target.ts';

/** Of clients and upstreams together. */
const CONNECTIONS = 16_384;

/** Upgrades to WebSockets pass; every other request keeps the connection to the upstream. */
export const PASS_ON = `proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $http_host;`;

/** As many connections as are kept, for as long as the run takes. */
export function nginxUpstream(name: string, port: number): string {
  return `upstream ${name} {
    server 127.0.0.1:${port};
    keepalive ${UPSTREAM_CONNECTIONS};
    keepalive_requests 100000000;
  }`;
}

/** One worker, nothing logged, connections kept on both sides for as long as the run takes. `locations` are of the one server. */
export function nginxConfig(
  { port, folder }: Pick<Surroundings, 'port' | 'folder'>,
  upstreams: string,
  locations: string,
): string {
  return `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections ${CONNECTIONS}; }
http {
  access_log off;
  client_body_temp_path ${folder}/client_body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  ${upstreams}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${locations}
  }
}
`;
}

/** Starts nginx on this configuration. */
export async function nginxLaunch(folder: string, config: string): Promise<Program> {
  const file = path.join(folder, 'nginx.conf');
  await writeFile(file, config);
  return { command: findProgram('nginx') ?? 'nginx', args: ['-e', 'stderr', '-c', file] };
}

export function missingNginx(): string | undefined {
  return findProgram('nginx') === undefined ? 'nginx is not installed' : undefined;
}

export const nginx: Target = {
  name: 'nginx',
  about: 'nginx proxy_pass, one worker, upstream keep-alive',
  unavailable: missingNginx,
  prepare(surroundings) {
    const { upstreamPort, folder } = surroundings;
    const location = `location / {
      proxy_pass http://api;
      ${PASS_ON}
    }`;
    return nginxLaunch(folder, nginxConfig(surroundings, nginxUpstream('api', upstreamPort), location));
  },
};
