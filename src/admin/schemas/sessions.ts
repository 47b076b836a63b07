import { z } from 'zod';
import { revocationView } from './revocations.ts';
import { instant, limit, reason, sessionId, tenantId, time } from './scalars.ts';

const name = z.string().min(1).max(1000);
const subject = name.describe('Namespaced: `user:LOGIN:TENANT:ID`, as a session shows it.');
const client = name.describe('Namespaced: `client:ID`, or `key:ID` of a legacy client.');

export const listSessionsQuery = z.strictObject({
  user: name
    .optional()
    .describe('Id of the user as the upstream knows it. Looked for among many: `subject` is faster.'),
  login: name.optional().describe('Name of the login block.'),
  subject: subject.optional(),
  client: client.optional(),
  tenant: tenantId.optional().describe('The current tenant.'),
  after: sessionId.optional(),
  limit: limit(1000, 100),
});

export const sessionParams = z.strictObject({ id: sessionId });

const ownerMembers = { subject, client, tenant: tenantId };
const OWNERS = ['subject', 'client', 'tenant'] as const;

export const endSessionsBody = z
  .strictObject({
    subject: ownerMembers.subject.optional(),
    client: ownerMembers.client.optional(),
    tenant: ownerMembers.tenant.optional(),
    issuedBefore: instant.optional().describe('Inclusive: only logins until then. Absent: until now.'),
    after: sessionId.optional().describe('`next` of the answer before.'),
    reason,
  })
  .refine((body) => OWNERS.filter((owner) => body[owner] !== undefined).length === 1, {
    error: 'expected one of subject, client and tenant',
  });

const text = z.string();
const texts = z.array(text).readonly();
export const sessionView = z
  .object({
    id: text,
    kind: z
      .enum(['browser', 'legacy', 'token'])
      .describe('browser: POST /session. legacy: the intercepted login. token: the password grant.'),
    login: text.describe('Name of the login block.'),
    subject: text,
    user: z.object({ id: text, name: text.exactOptional() }),
    tenant: text.describe('The current one.'),
    tenants: texts,
    roles: texts,
    scopes: texts,
    client: text.exactOptional(),
    host: text.describe('That it was issued for.'),
    peer: text.describe('Address at login.'),
    agent: text.describe('User-Agent at login.'),
    authenticatedAt: time.describe('When the password was checked.'),
    expiresAt: time.describe('Unless it is renewed.'),
    absoluteEnd: time.describe('Nothing renews it past this.'),
    refreshableUntil: time
      .exactOptional()
      .describe('End of its refresh token or remember-me cookie, unless that is used. Absent: it has none.'),
  })
  .meta({ id: 'Session' });

export const sessionPageView = z.object({
  sessions: z.array(sessionView).readonly(),
  next: text.exactOptional().describe('As `after`, for the next page. Absent: this was the last.'),
});

export const endedSessionsView = z
  .object({
    ended: z.int().describe('Sessions that were there.'),
    issuedBefore: time.describe('Logins until then are refused.'),
    next: text
      .exactOptional()
      .describe(
        'There may be more, which are refused already: ask again, with this as `after`, and `issuedBefore`.',
      ),
    revocation: revocationView,
  })
  .meta({ id: 'EndedSessions' });

export type SessionView = z.output<typeof sessionView>;
export type SessionPageView = z.output<typeof sessionPageView>;
export type EndedSessionsView = z.output<typeof endedSessionsView>;
