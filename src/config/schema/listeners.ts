import { z } from 'zod';
import { cidr, duration, integer, listenPlace, type ReferenceScalars, rate, size, text } from './scalars.ts';

export function listenersSchema(scalars: ReferenceScalars) {
  const publicListener = z.union(
    [
      listenPlace,
      z.strictObject({
        address: listenPlace.describe(
          'Where to listen: host:port, [IPv6]:port, or unix:/path of a socket file.',
        ),
        tls: z
          .strictObject({
            cert: scalars.filePath.describe(
              'Certificate chain, PEM file, leaf first. Reloaded when it changes.',
            ),
            key: scalars.filePath.describe('Private key of the certificate, PEM file.'),
          })
          .optional()
          .describe('Terminates TLS here. Absent: plain HTTP, for use behind something that terminates it.'),
        http2: z
          .boolean()
          .optional()
          .describe('With TLS, clients may choose HTTP/2 (by ALPN). Default: true with TLS; never without.'),
      }),
    ],
    { error: 'an address such as 0.0.0.0:8080, or { address, tls: { cert, key } }' },
  );
  return z
    .strictObject({
      public: publicListener
        .prefault('0.0.0.0:8080')
        .transform((value) => ('address' in value ? value : { address: value }))
        .describe('Where clients connect: an address, or an address with TLS. Changes need a restart.'),
      admin: listenPlace
        .prefault('127.0.0.1:8081')
        .describe('Administration over REST. Keep it off public networks. Changes need a restart.'),
      ops: listenPlace
        .prefault('0.0.0.0:9464')
        .describe('Metrics and health checks: /metrics, /livez, /readyz. Changes need a restart.'),
      forwardAuth: z
        .strictObject({
          address: listenPlace.describe(
            'Where proxies ask by HTTP: /authz/nginx, /authz/forward (Traefik, Caddy, HAProxy) and /authz/envoy/…',
          ),
          grpc: listenPlace
            .optional()
            .describe('Where Envoy asks by gRPC: envoy.service.auth.v3.Authorization.'),
          peers: z
            .array(cidr)
            .min(1)
            .optional()
            .describe(
              'Proxies that may ask, and whose word on the original request is taken. Required unless both addresses are socket files.',
            ),
        })
        .optional()
        .describe(
          'For proxies that keep their own data path and ask about each request. Changes need a restart.',
        ),
    })
    .prefault({})
    .describe('The listeners. Port 0 lets the system choose.');
}

export function limitsSchema() {
  return z
    .strictObject({
      failedCredentials: rate
        .prefault('30/min')
        .describe('Wrong credentials that one peer may present before it is answered 429.'),
      concurrency: z
        .strictObject({
          perTenant: integer(1, 1_000_000).optional().describe('Of one tenant. Absent: no limit.'),
          perPrincipal: integer(1, 1_000_000)
            .optional()
            .describe('Of one user, client or key. Absent: no limit.'),
        })
        .prefault({})
        .describe(
          'Most requests, event streams and WebSockets at a time, in each process: a tenant whose upstream is slow holds up no other. More are answered 429.',
        ),
      queueDelay: duration
        .prefault('100ms')
        .describe(
          'How long requests may wait for the process, all the time. Beyond, a share of them is answered 503 at once, so that those which are admitted wait less. Changes need a restart.',
        ),
      perPeer: rate
        .optional()
        .describe(
          'Requests of one peer (an IPv4 address, an IPv6 /64) over all routes and endpoints of the gateway, whatever credentials they carry. More are answered 429. Absent: no limit.',
        ),
      perTenant: rate
        .optional()
        .describe('Admitted requests for one tenant, over all routes. Absent: no limit.'),
      perPrincipal: rate
        .optional()
        .describe('Admitted requests of one user, client or key, over all routes. Absent: no limit.'),
      body: size.prefault('64MiB').describe('Largest request body of a route that sets no limit of its own.'),
      target: size.prefault('8KiB').describe('Longest request target (path and query).'),
      fields: integer(10, 2000).prefault(200).describe('Most header fields of one request.'),
      fieldBytes: size
        .prefault('32KiB')
        .describe('Largest header section of one request. Changes need a restart.'),
      headerTimeout: duration
        .prefault('15s')
        .describe('Time for the handshake of TLS, and for a request head to arrive. Changes need a restart.'),
      bodyIdle: duration.prefault('30s').describe('Longest pause while a request body arrives.'),
      bodyRate: size
        .prefault('240B')
        .describe(
          'Fewest bytes per second of a request body that is still arriving, over each `bodyIdle`; 0B: any. A client that is slower is answered 408.',
        ),
      readIdle: duration
        .prefault('60s')
        .describe(
          'How long a client may take nothing of what waits for it, answer or WebSocket, before its connection is cut. Changes need a restart.',
        ),
      connections: integer(1, 1_000_000)
        .prefault(25_000)
        .describe('Most client connections of one process; more are closed at once. Changes need a restart.'),
      connectionsPerPeer: integer(1, 1_000_000)
        .optional()
        .describe(
          'Most of them from one address that is no trusted proxy. Default: half of `connections`. Changes need a restart.',
        ),
      http2Streams: integer(1, 1000)
        .prefault(100)
        .describe('Most requests at a time on one HTTP/2 connection. Changes need a restart.'),
      keepAlive: duration
        .prefault('65s')
        .describe('How long an idle client connection stays open. Changes need a restart.'),
    })
    .prefault({})
    .describe('What one request or one peer may ask of the gateway.');
}

export function shutdownSchema() {
  return z
    .strictObject({
      delay: duration
        .prefault('0s')
        .describe(
          'Readiness fails for this long before the listener closes: time for load balancers to notice.',
        ),
      drain: duration.prefault('30s').describe('Time for requests in flight to finish.'),
    })
    .prefault({})
    .describe('How the process stops on SIGTERM.');
}

export function adminSchema(scalars: ReferenceScalars) {
  return z
    .strictObject({
      tokens: z
        .array(
          z.strictObject({
            name: text.describe('Who uses it; appears in the audit log. Unique.'),
            token: scalars.secret.describe('At least 24 characters.'),
            role: z
              .enum(['viewer', 'operator', 'admin'], { error: 'one of viewer, operator, admin' })
              .describe(
                'viewer reads; operator changes tenants, keys and revocations too; admin may do all: signing keys, backup, restore.',
              ),
          }),
        )
        .prefault([])
        .describe(
          'Bearer tokens of the administration API. Without any, the embedded store makes one and writes it to a file (mode 0600).',
        ),
    })
    .prefault({})
    .describe('Who may administer the gateway.');
}

export function auditSchema() {
  return z
    .strictObject({
      requests: z
        .enum(['denied', 'all'])
        .prefault('denied')
        .describe('Which requests the audit stream keeps. Changes by administrators are always kept.'),
      keep: integer(1000, 1_000_000_000)
        .prefault(1_000_000)
        .describe('Most records kept; the oldest go first.'),
    })
    .prefault({})
    .describe('The audit stream: who was admitted or refused, and why.');
}

export function loggingSchema() {
  return z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
        .prefault('info')
        .describe('Least severe level that is written. Credentials are never logged, at any level.'),
      requests: z
        .enum(['all', 'denied', 'none'])
        .prefault('denied')
        .describe('Which requests get a log line. The audit stream is separate.'),
    })
    .prefault({})
    .describe('The log: JSON lines on standard output.');
}

export const trustedProxiesSchema = z
  .array(cidr)
  .prefault([])
  .describe('Peers whose X-Forwarded-For, -Proto and -Host are believed. Empty: nobody.');
