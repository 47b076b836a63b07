import { z } from 'zod';
import type { JsonTemplate } from '../login-template.ts';
import {
  duration,
  entryName,
  fieldName,
  integer,
  parsedText,
  patternText,
  type ReferenceScalars,
  text,
} from './scalars.ts';
import { cookieName } from './sessions.ts';

/** A request of ours to the upstream. */
export interface RequestLine {
  readonly method: string;
  /** Path and query, without the base path of the upstream. */
  readonly target: string;
}

function parseRequestLine(value: string): RequestLine | undefined {
  const match = /^(GET|POST|PUT|DELETE|PATCH) (\/[\x21-\x22\x24-\x7a\x7c\x7e]*)$/.exec(value);
  return match === null ? undefined : { method: match[1] ?? '', target: match[2] ?? '' };
}

const requestLine = parsedText('a method and a path, such as GET /api/me', parseRequestLine, {
  title: 'request',
  pattern: '^(GET|POST|PUT|DELETE|PATCH) /',
});

/** RFC 6901, at least one member deep. */
const jsonPointer = patternText(
  /^(?:\/(?:[^/~]|~0|~1)*)+$/,
  'a JSON pointer such as /user/id',
  'JSON pointer',
);

/** Text with `{username}`, `{password}`, `{tenant.id}`, `{tenant.credentials.NAME}` and `{prepare.NAME}`. */
const template = (scalars: ReferenceScalars) => scalars.resolvedText;

/** JSON in which every text is a template; numbers, booleans and null stay. */
function jsonTemplate(scalars: ReferenceScalars): z.ZodType<JsonTemplate> {
  const node: z.ZodType<JsonTemplate> = z.lazy(() =>
    z.union([
      template(scalars),
      z.number(),
      z.boolean(),
      z.null(),
      z.array(node),
      z.record(z.string(), node),
    ]),
  );
  return node;
}

const statuses = z
  .union([integer(200, 499), z.array(integer(200, 499)).min(1)], { error: 'a status, or a list of them' })
  .transform((value) => (typeof value === 'number' ? [value] : value));

/** `what`: for what it prepares. */
function prepareSchema(what: string) {
  return z
    .strictObject({
      request: requestLine.describe(`Asked before each ${what}; its cookies go with the ${what} request.`),
      values: z
        .record(
          patternText(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/, 'a name of letters, digits, _ and -', 'name'),
          z
            .union(
              [
                z.strictObject({ json: jsonPointer.describe('Member of its JSON answer.') }),
                z.strictObject({ cookie: cookieName.describe('Value of a cookie that it sets.') }),
                z.strictObject({ field: fieldName.describe('Value of a field of its answer.') }),
                z.strictObject({ input: text.describe('Value of the HTML input element of this name.') }),
              ],
              { error: '{ json: POINTER }, { cookie: NAME }, { field: NAME } or { input: NAME }' },
            )
            .describe('Where the value is.'),
        )
        .prefault({})
        .describe('Values for {prepare.NAME}, such as a CSRF token.'),
    })
    .optional()
    .describe(
      `A request before the ${what} request, for upstreams that want a CSRF token or a cookie first. Not made for an intercepted ${what}, whose client has seen the page itself.`,
    );
}

/** What a request of ours carries besides its line. */
function formAndFields(scalars: ReferenceScalars, example: string) {
  return {
    form: z
      .record(z.string().min(1), template(scalars).describe('The value, a template.'))
      .optional()
      .describe('Body as application/x-www-form-urlencoded; its values are templates.'),
    fields: z
      .record(fieldName, template(scalars).describe('The value, a template.'))
      .prefault({})
      .describe(`Further fields of the request; templates such as "${example}".`),
  };
}

function requestSchema(scalars: ReferenceScalars) {
  return z
    .strictObject({
      method: z.enum(['POST', 'PUT']).prefault('POST').describe('Method of the login request.'),
      path: patternText(
        /^\/[\x21-\x22\x24-\x7a\x7c\x7e]*$/,
        'a path such as /api/login, without placeholders',
        'path',
      ).describe('Path (and query) of the login.'),
      json: jsonTemplate(scalars)
        .optional()
        .meta({ title: 'JSON with templates' })
        .describe('Body as JSON; its texts are templates.'),
      ...formAndFields(scalars, '{tenant.credentials.legacyKey}'),
    })
    .describe(
      'The login request of the upstream. Exactly one of `json` and `form`. The credentials of the upstream itself go with it, and with all other requests of a login.',
    );
}

const mappedPlace = patternText(
  /^(?:\{username\}|(?:\/(?:[^/~]|~0|~1)*)+)$/,
  'a JSON pointer, or {username}',
  'JSON pointer',
);

export function loginSchema(scalars: ReferenceScalars) {
  const block = z.strictObject({
    upstream: entryName.describe('The upstream whose login it is.'),
    intercept: z
      .strictObject({
        route: requestLine.describe('Where old clients post their login: METHOD PATH.'),
        legacyClient: z
          .literal(true)
          .describe(
            'The session is for clients that know nothing of the gateway: no CSRF field without Origin and Sec-Fetch-*.',
          ),
        cookieName: cookieName
          .optional()
          .describe('Name of the session cookie that they get. Default: that of `sessions.cookie`.'),
        sliding: z
          .boolean()
          .prefault(true)
          .describe('Requests extend the session, within `sessions.absolute`.'),
        scopes: z
          .array(text)
          .prefault([])
          .describe('Scopes of sessions of clients that present no API key; else those of the key.'),
        logout: requestLine.optional().describe('Where old clients post their logout.'),
      })
      .optional()
      .describe('Take over the login route of the upstream itself.'),
    tenant: z
      .array(
        patternText(
          /^(?:host|parameter|apiKey|body:(?:\/(?:[^/~]|~0|~1)*)+)$/,
          'host, parameter, apiKey or body:POINTER',
          'source',
        ),
      )
      .min(1)
      .prefault(['host', 'parameter'])
      .describe(
        'Sources of the tenant of a login; all that are present must agree, and one must be there. `parameter`: `tenant` of POST /session and of the password grant. `body:` and `apiKey`: of an intercepted login.',
      ),
    prepare: prepareSchema('login'),
    request: requestSchema(scalars),
    success: z
      .strictObject({
        status: statuses.prefault(200).describe('Status, or a list of them.'),
        present: jsonPointer
          .optional()
          .describe('Member that its JSON answer must have, other than null and false.'),
        cookie: cookieName.optional().describe('Cookie that it must set.'),
        location: z
          .strictObject({
            not: text.describe('Beginning that the path in Location must not have, such as /login.'),
          })
          .optional()
          .describe('For logins that answer with a redirect.'),
      })
      .prefault({})
      .describe(
        'What a right password looks like; everything has to be so. 5xx, 408 and 429 are an outage, anything else a wrong password.',
      ),
    user: z
      .strictObject({
        request: requestLine
          .optional()
          .describe(
            'Asked after the login with its cookies; its JSON answer says who the user is. 401, 403 and redirects mean that the password was wrong after all. Absent: the answer to the login does.',
          ),
        id: mappedPlace.describe(
          'Id of the user: text or a whole number. {username} is the name as it was typed: only for upstreams to which Bob and bob are two.',
        ),
        name: mappedPlace.describe('Name of the user, for people.').optional(),
        roles: jsonPointer.optional().describe('Roles: a list, or text with spaces or commas.'),
        tenants: jsonPointer
          .optional()
          .describe('Ids of the tenants that the user belongs to; with `membershipAuthority: shared` only.'),
        profile: z
          .union([jsonPointer, z.record(entryName, jsonPointer.describe('Where this member is.'))], {
            error: 'a JSON pointer to an object, or names with a pointer each',
          })
          .optional()
          .describe('Members under {user.NAME}: an object, or names each with its own place.'),
      })
      .describe('Who the user is.'),
    membershipAuthority: z
      .enum(['own', 'shared'])
      .prefault('own')
      .describe(
        'own: a login proves the tenant that it was checked in, and no other. shared: `user.tenants` may name further ones.',
      ),
    switchTenant: z
      .strictObject({
        request: requestLine.describe('Asked with the cookies of the old tenant.'),
        json: jsonTemplate(scalars)
          .optional()
          .meta({ title: 'JSON with templates' })
          .describe('Body as JSON; {tenant.id} is the new one.'),
        fields: z
          .record(fieldName, template(scalars).describe('The value, a template.'))
          .prefault({})
          .describe('Further fields of the request.'),
      })
      .optional()
      .describe(
        'How the upstream switches its own session to another tenant. Absent: with kept cookies a switch needs a new login.',
      ),
    keep: z
      .strictObject({
        cookies: z
          .array(cookieName)
          .prefault([])
          .describe('Cookies of the upstream that are kept; no client ever sees them.'),
        fields: z
          .record(
            fieldName,
            patternText(
              /^[^{}]*\{(?:\/(?:[^/~{}]|~0|~1)*)+\}[^{}]*$/,
              'text with one {POINTER}, such as "Bearer {/token}"',
            ).describe('The value, with a JSON pointer into the answer between braces.'),
          )
          .prefault({})
          .describe('Fields made of the JSON answer, such as Authorization: "Bearer {/token}".'),
      })
      .prefault({})
      .describe(
        "What is kept of a login and sent with the session's requests where an upstream says `cookies: fromLogin`.",
      ),
    sessionLost: z
      .strictObject({
        status: statuses.optional().describe('Status that tells that the session of the upstream is gone.'),
        location: text
          .optional()
          .describe('Beginning of the path in Location of a redirect to its login page.'),
        probe: requestLine.describe(
          'Asked to make sure: only if it answers like that too is the session over.',
        ),
      })
      .optional()
      .describe('How the upstream shows that its own session is gone; ours then ends too.'),
    logout: z
      .strictObject({
        prepare: prepareSchema('logout'),
        request: requestLine.describe('Sent with the kept cookies when a session ends.'),
        ...formAndFields(scalars, '{prepare.token}'),
      })
      .optional()
      .describe(
        "How the upstream is told of a logout. In place of an intercepted one the client's own request is sent.",
      ),
    timeout: duration.prefault('10s').describe('Time for all requests of one login together.'),
  });
  return z
    .record(entryName, block.describe('One login, under its name.'))
    .prefault({})
    .describe("How passwords are checked: by the upstream's own login.");
}
