import type { AcceptedCredentials } from '../credentials/credential.ts';
import type { Endpoint, EndpointCall } from '../endpoints/endpoint.ts';
import { isPreflight } from '../http/cors.ts';
import { answerPreflight, type EndpointCors, writeAnswer } from './answer.ts';
import { beginSession } from './begin-session.ts';
import type { BrowserSessionParts } from './browser-session-parts.ts';
import { endSession } from './end-session.ts';
import { issueTicket } from './issue-ticket.ts';
import { type Outcome, refused } from './outcome.ts';
import { refreshSession } from './refresh-session.ts';
import { createSessionCookies, type SessionCookies } from './session-cookies.ts';
import { showSession } from './show-session.ts';
import { switchTenant } from './switch-tenant.ts';

type Operation = (
  call: EndpointCall,
  parts: BrowserSessionParts,
  cookies: SessionCookies,
) => Promise<Outcome>;

interface EndpointDescription {
  readonly id: string;
  /** Behind the prefix. */
  readonly path: string;
  /** By method; HEAD comes with GET, OPTIONS with all. */
  readonly operations: Readonly<Record<string, Operation>>;
  /** For the challenges of a 401. */
  readonly accepts: ReadonlySet<AcceptedCredentials>;
}

const COOKIE_ONLY: ReadonlySet<AcceptedCredentials> = new Set(['session']);

const ENDPOINTS: readonly EndpointDescription[] = [
  {
    id: 'session',
    path: '',
    operations: { GET: showSession, POST: beginSession, DELETE: endSession },
    accepts: COOKIE_ONLY,
  },
  { id: 'session-refresh', path: '/refresh', operations: { POST: refreshSession }, accepts: COOKIE_ONLY },
  { id: 'session-tenant', path: '/tenant', operations: { POST: switchTenant }, accepts: COOKIE_ONLY },
  {
    id: 'session-ticket',
    path: '/ticket',
    operations: { POST: issueTicket },
    accepts: new Set(['session', 'bearer']),
  },
];

/** No body of these endpoints is longer. */
const BODY_BYTES = 16 * 1024;
const PREFLIGHT_SECONDS = 600;

/** The endpoints for browser sessions, by path. */
export function createBrowserSessions(parts: BrowserSessionParts): ReadonlyMap<string, Endpoint> {
  const { sessions } = parts.settings;
  const cookies = createSessionCookies(sessions);
  return new Map(
    ENDPOINTS.map((description) => [
      `${sessions.path}${description.path}`,
      createEndpoint(description, parts, cookies),
    ]),
  );
}

function createEndpoint(
  { id, operations, accepts }: EndpointDescription,
  parts: BrowserSessionParts,
  cookies: SessionCookies,
): Endpoint {
  const methods = [...Object.keys(operations), 'OPTIONS'];
  const cors: EndpointCors = {
    credentials: true,
    methods: methods.join(', '),
    allowFields: 'Content-Type, Gatehouse-CSRF, Authorization',
    exposeFields: 'Gatehouse-Decision-Id, Retry-After',
    maxAgeSeconds: PREFLIGHT_SECONDS,
  };
  const listsAny = (origin: string): boolean => parts.clients.isListedOrigin(origin);
  return {
    id,
    methods,
    bodyLimit: BODY_BYTES,
    async answer(call) {
      if (isPreflight(call.method, call.field('origin'), call.field('access-control-request-method')))
        return answerPreflight(call, cors, listsAny);
      const operation = operations[call.method === 'HEAD' ? 'GET' : call.method];
      const outcome: Outcome =
        operation === undefined
          ? notAllowed(id, call.method, methods)
          : await operation(call, parts, cookies);
      return writeAnswer(outcome, call, cors, listsAny, accepts);
    },
  };
}

/** OPTIONS that asks for nothing. */
function notAllowed(id: string, method: string, allow: readonly string[]): Outcome {
  const { denial } = refused('method_not_allowed', `${id} has no ${method}`);
  return { kind: 'refused', denial: { ...denial, allow } };
}
