import type { Endpoint, EndpointAnswer, EndpointCall } from '../endpoints/endpoint.ts';
import { cookieNames } from '../sessions/cookie-names.ts';
import type { InterceptedParts, Interception } from './intercepted-parts.ts';
import { logInIntercepted } from './log-in-intercepted.ts';
import { logOutIntercepted } from './log-out-intercepted.ts';

/** A route of an upstream that the gateway answers itself, having asked the upstream. */
export interface InterceptedRoute {
  readonly method: string;
  readonly path: string;
  readonly endpoint: Endpoint;
}

const BODY_BYTES = 64 * 1024;

type Answer = (
  call: EndpointCall,
  interception: Interception,
  parts: InterceptedParts,
) => Promise<EndpointAnswer>;

/** The login and logout routes of upstreams that old clients go on posting to. */
export function createInterceptedRoutes(parts: InterceptedParts): readonly InterceptedRoute[] {
  const { login: logins, sessions } = parts.settings;
  return Object.entries(logins).flatMap(([name, login]): readonly InterceptedRoute[] => {
    const { intercept } = login;
    const bridge = parts.logins.get(name);
    if (intercept === undefined || bridge === undefined) return [];
    const cookieName = intercept.cookieName ?? cookieNames(sessions.cookie.name).session;
    const interception: Interception = { bridge, login, intercept, cookieName };
    const routeOf = (line: typeof intercept.route, id: string, answer: Answer): InterceptedRoute => ({
      method: line.method,
      path: line.target,
      endpoint: {
        id: `${id}-${name}`,
        methods: [line.method],
        bodyLimit: BODY_BYTES,
        answer: (call) => answer(call, interception, parts),
      },
    });
    return [
      routeOf(intercept.route, 'login', logInIntercepted),
      ...(intercept.logout === undefined ? [] : [routeOf(intercept.logout, 'logout', logOutIntercepted)]),
    ];
  });
}
