import { z } from 'zod';
import { duration, integer, patternText, rate } from './scalars.ts';
import { pathPrefix } from './upstreams.ts';

/** A cookie name (RFC 6265 §4.1.1: a token of RFC 9110). */
export const cookieName = patternText(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/, 'a cookie name', 'cookie name');

export function tokensSchema() {
  return z
    .strictObject({
      path: pathPrefix
        .prefault('/oauth')
        .describe('Prefix of the token service: /token, /revoke, /introspect.'),
      access: duration.prefault('10m').describe('Life of access tokens.'),
      refresh: z
        .strictObject({
          idle: duration.prefault('14d').describe('A refresh token that is not used for this long is dead.'),
          absolute: duration
            .prefault('90d')
            .describe('After this the user logs in again, whatever was used.'),
        })
        .prefault({})
        .describe('Lives of refresh tokens, each of which is good once.'),
      format: z
        .enum(['opaque', 'jwt'])
        .prefault('opaque')
        .describe(
          'Form of access tokens. Opaque ones tell their holder nothing and are taken back at once everywhere.',
        ),
      audience: z.string().min(1).optional().describe('`aud` of JWT access tokens. Default: `publicUrl`.'),
    })
    .prefault({})
    .describe('The token service.');
}

export function sessionsSchema() {
  return z
    .strictObject({
      path: pathPrefix.prefault('/session').describe('Prefix of the endpoints for browser sessions.'),
      ttl: duration
        .prefault('30m')
        .describe('Life of a session cookie. Requests do not extend it; POST /session/refresh does.'),
      absolute: duration.prefault('12h').describe('After this nothing extends a session any more.'),
      rememberMe: duration
        .optional()
        .describe(
          'How long a browser may trade its remember-me cookie for a new session. Absent: there are none.',
        ),
      ticket: duration.prefault('30s').describe('Life of a ticket for a WebSocket or event stream.'),
      perUser: integer(1, 10_000)
        .prefault(50)
        .describe('Most sessions of one user at a time; the oldest one ends.'),
      cookie: z
        .strictObject({
          name: cookieName.prefault('gatehouse').describe('Name of the session cookie, behind __Host-.'),
          sameSite: z
            .enum(['Lax', 'Strict'])
            .prefault('Lax')
            .describe('Strict: not even a link from elsewhere brings it.'),
        })
        .prefault({})
        .describe('The session cookie.'),
      failedLogins: z
        .strictObject({
          perUser: rate.prefault('10/h').describe('Failed logins of one user name of a tenant.'),
          perPeer: rate.prefault('100/h').describe('Failed logins from one address (IPv6: from one /64).'),
        })
        .prefault({})
        .describe(
          'How many wrong passwords may be tried before the upstream is not asked any more. Counted in the store.',
        ),
    })
    .prefault({})
    .describe('Sessions of users.');
}
