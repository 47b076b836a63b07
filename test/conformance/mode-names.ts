/** Ways in which a request can come to be judged by the same engine. */
export const MODE_NAMES = [
  'http2',
  'proxy',
  'nginx',
  'traefik',
  'caddy',
  'haproxy',
  'envoy-http',
  'envoy-grpc',
] as const;

export type ModeName = (typeof MODE_NAMES)[number];
