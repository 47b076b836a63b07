import { nginxConfig, nginxUpstream, PASS_ON } from '../../targets/nginx.ts';
import type { Surroundings } from '../../targets/target.ts';

/** What nginx asks about each request, and what it takes over from the answer. */
export interface Asking {
  readonly port: number;
  /** Such as `/authz/nginx`. */
  readonly path: string;
  /** Forwarded field → field of the answer, lower-case with `_`; `''` = the field is not forwarded. */
  readonly fields: Readonly<Record<string, string>>;
}

function takenOver([field, answer]: readonly [string, string], index: number): string {
  if (answer === '') return `proxy_set_header ${field} "";`;
  return `auth_request_set $answer_${index} $upstream_http_${answer};
      proxy_set_header ${field} $answer_${index};`;
}

/** nginx with `auth_request`, connections kept to both that it asks and the upstream. */
export function nginxAskingConfig(surroundings: Surroundings, { port, path, fields }: Asking): string {
  const locations = `location / {
      auth_request /_asked;
      ${Object.entries(fields).map(takenOver).join('\n      ')}
      ${PASS_ON}
      proxy_pass http://api;
    }
    location = /_asked {
      internal;
      proxy_pass http://authz${path};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Upgrade "";
      proxy_set_header Host $http_host;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Transfer-Encoding "";
      proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_buffer_size 32k;
      proxy_buffers 4 32k;
      proxy_busy_buffers_size 64k;
    }`;
  const upstreams = [nginxUpstream('api', surroundings.upstreamPort), nginxUpstream('authz', port)];
  return nginxConfig(surroundings, upstreams.join('\n  '), locations);
}
