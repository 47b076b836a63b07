import { z } from 'zod';
import { ACCEPTED_CREDENTIALS } from '../../credentials/credential.ts';
import {
  duration,
  entryName,
  fieldName,
  instant,
  patternText,
  rate,
  size,
  text,
  webOrigin,
} from './scalars.ts';
import { pathPrefix, timeoutsSchema } from './upstreams.ts';

const method = patternText(/^[A-Z][A-Z-]{0,31}$/, 'a method in capital letters', 'method').refine(
  (value) => !['TRACE', 'TRACK', 'CONNECT'].includes(value),
  { error: 'a method other than TRACE, TRACK and CONNECT, which are never forwarded' },
);

const mediaType = patternText(
  /^[A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+(?: *;[\x20-\x7E]*)?$/,
  'a media type such as application/xml; charset=utf-8',
  'media type',
);

/** `/a/{name}/b` or `/a/**`: whole segments only; `**` last. */
const pathPattern = patternText(
  /^(?:\/|(?:\/(?:\*\*(?=$)|\{[a-z][A-Za-z0-9]*\}|(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~!$&'()+,;=:@-]+))+)$/,
  'a path pattern: literal segments, {name} for one segment, ** as the last segment for any rest',
  'path pattern',
);

function corsSchema() {
  return z
    .strictObject({
      origins: z.array(webOrigin).min(1).describe('Pages that may read the answers, as exact origins.'),
      credentials: z
        .boolean()
        .prefault(false)
        .describe('They may send cookies. Needed for sessions only; tokens and keys go without.'),
      allowFields: z
        .array(fieldName)
        .prefault(['Authorization', 'Content-Type'])
        .describe('Request fields that they may set.'),
      exposeFields: z.array(fieldName).prefault([]).describe('Answer fields that they may read.'),
      maxAge: duration.prefault('10m').describe('How long a browser may remember the answer to a preflight.'),
    })
    .optional()
    .describe(
      'The gateway owns the Access-Control-* fields of this route and answers preflights itself. Absent: those of the upstream pass.',
    );
}

export function routesSchema() {
  const accept = z.array(z.enum(ACCEPTED_CREDENTIALS)).min(1);
  const route = z.strictObject({
    id: entryName.describe('Name in logs, metrics and the audit stream. Unique.'),
    match: z
      .strictObject({
        host: text
          .optional()
          .describe(
            'Exact host, or a pattern with {tenant} as its first label, which then names the tenant. Absent: any host.',
          ),
        path: pathPattern.describe(
          'Literal segments, {name} for exactly one segment, and ** as the last segment for any rest.',
        ),
        methods: z.array(method).min(1).optional().describe('Absent: every method.'),
      })
      .describe('Which requests the route is for.'),
    public: z
      .literal(true, { error: 'true, or no such key' })
      .optional()
      .describe('No credential is asked for, and no identity is forwarded. Excludes `accept` and `require`.'),
    accept: accept
      .optional()
      .describe(
        'Credentials that the route accepts, as alternatives: a kind, or a declared pair, in which the key names the client and the token or session the user. `ticket`: a single-use `?ticket=` of POST /session/ticket, for WebSockets and event streams. Required unless `public`.',
      ),
    require: z
      .strictObject({
        scopes: z.array(text).prefault([]).describe('Scopes that the credential must have, all of them.'),
        anyRole: z.array(text).min(1).optional().describe('Roles of which the principal must have one.'),
        allRoles: z.array(text).prefault([]).describe('Roles that the principal must have, all of them.'),
      })
      .prefault({})
      .describe('What the principal must be allowed to do.'),
    tenant: z
      .strictObject({
        require: z
          .array(z.enum(['credential', 'host', 'path', 'field']))
          .prefault([])
          .describe('Sources of the tenant that must be present. All that are present must agree, always.'),
        path: text.optional().describe('Name of a parameter of `match.path` that names the tenant.'),
        field: fieldName.optional().describe("Client's field that names the tenant. It is never forwarded."),
      })
      .prefault({})
      .describe('Where the tenant comes from, besides credential and host.'),
    limits: z
      .strictObject({
        body: size.optional().describe('Largest request body. Default: `limits.body`.'),
        perPeer: rate
          .optional()
          .describe('Requests of one peer on this route, whatever credentials they carry.'),
        perTenant: rate.optional().describe('Requests for one tenant on this route.'),
        perPrincipal: rate.optional().describe('Requests of one user, client or key on this route.'),
        total: rate.optional().describe('Requests on this route, of everybody together.'),
        bodyRate: size
          .optional()
          .describe(
            'Fewest bytes per second of a request body; 0B for bodies that are streams of events. Default: `limits.bodyRate`.',
          ),
      })
      .prefault({})
      .describe('Limits of this route, beside those of `limits`, which hold over all routes.'),
    timeouts: timeoutsSchema
      .omit({ connect: true })
      .prefault({})
      .describe('Override those of the upstream for this route.'),
    stripPrefix: pathPrefix
      .optional()
      .describe(
        'Literal prefix that is taken from the path before it is forwarded. Must begin `match.path`.',
      ),
    lendTenantCredentials: z
      .literal(true, { error: 'true, or no such key' })
      .optional()
      .describe(
        "Public routes: the tenant's own upstream credentials are sent, so that an upstream which asks for them answers at all. Whoever can name a host of the tenant then reaches the upstream as that tenant.",
      ),
    htmlForms: z
      .literal(true, { error: 'true, or no such key' })
      .optional()
      .describe(
        "The upstream's own pages post HTML forms, which cannot set Gatehouse-CSRF: a session needs no such field here. The browser still has to say that the page is of the gateway's own origin (Sec-Fetch-Site or Origin).",
      ),
    serveStale: z
      .literal(true, { error: 'true, or no such key' })
      .optional()
      .describe(
        'Keys and tokens are admitted on this route even while the store has been silent for longer than store.maxLag: a key that was revoked meanwhile still passes.',
      ),
    observe: z
      .strictObject({ until: instant.describe('From this moment on the route decides for real.') })
      .optional()
      .describe(
        'Migration: decisions are made, logged and counted, but every request passes as it came, with its own credentials and without identity.',
      ),
    refusal: z
      .strictObject({
        contentType: mediaType.describe(
          'Content-Type of the answer, such as application/xml; charset=utf-8.',
        ),
        body: z
          .string()
          .max(4096, { error: 'at most 4096 characters' })
          .describe(
            'The answer, at most 4096 characters. May hold {code}, {status}, {title} and {decisionId}.',
          ),
      })
      .optional()
      .describe('Answer to refused requests in the words of an old client, instead of problem+json.'),
    websocket: z
      .strictObject({
        origins: z
          .array(webOrigin)
          .describe(
            'Pages that may open a WebSocket, as exact origins; empty: none may. Clients that are no browser send no Origin, and are not held to this.',
          ),
      })
      .optional()
      .describe(
        'WebSockets are passed on. Absent: a request for one is forwarded as a plain request, without Upgrade.',
      ),
    cors: corsSchema(),
    upstream: entryName.describe('Name of the upstream that the request is forwarded to.'),
  });
  return z
    .array(route)
    .min(1)
    .describe(
      'What may pass. A request without a route is answered 404. The most specific path wins, not the order.',
    );
}
