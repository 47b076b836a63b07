import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findProgram } from '../../scripts/packages.ts';
import { UPSTREAM_CONNECTIONS } from './processes/arguments.ts';
import type { Surroundings, Target } from './target.ts';

/** One worker, nothing logged, connections kept on both sides for as long as the run takes. */
function nginxConfig({ port, upstreamPort, folder }: Surroundings): string {
  return `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/client_body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  upstream api {
    server 127.0.0.1:${upstreamPort};
    keepalive ${UPSTREAM_CONNECTIONS};
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
}
`;
}

export const nginx: Target = {
  name: 'nginx',
  about: 'nginx proxy_pass, one worker, upstream keep-alive',
  unavailable: () => (findProgram('nginx') === undefined ? 'nginx is not installed' : undefined),
  async prepare(surroundings) {
    const config = path.join(surroundings.folder, 'nginx.conf');
    await writeFile(config, nginxConfig(surroundings));
    return { command: findProgram('nginx') ?? 'nginx', args: ['-e', 'stderr', '-c', config] };
  },
};
