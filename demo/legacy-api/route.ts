/** A route of the legacy API: a path, who may ask, and a handler per method. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Tenant } from './tenants.ts';

export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  /** The part of the path that the route's pattern captured, or ''. */
  readonly parameter: string;
}

/** By method name; `*` takes every other method. A GET handler answers HEAD too. */
type Handlers<Handler> = Readonly<Record<string, Handler>>;

export type Route =
  | {
      readonly kind: 'public';
      readonly path: RegExp;
      readonly handlers: Handlers<(call: Call) => void | Promise<void>>;
    }
  | {
      /** Needs an `X-Api-Key` that means a tenant. */
      readonly kind: 'tenant';
      readonly path: RegExp;
      readonly handlers: Handlers<(call: Call, tenant: Tenant) => void | Promise<void>>;
    };

/** `undefined` = the route has no such method. */
export function handlerFor<Handler>(handlers: Handlers<Handler>, method: string): Handler | undefined {
  return handlers[method] ?? (method === 'HEAD' ? handlers['GET'] : undefined) ?? handlers['*'];
}

/** For the `Allow` field of a 405. */
export function methodsOf(route: Route): string {
  const methods = Object.keys(route.handlers);
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])].join(', ');
}

/** A whole number from the query, `fallback` when the parameter is absent, `undefined` when it is malformed or too large. */
export function wholeNumber(
  query: URLSearchParams,
  name: string,
  fallback: number,
  maximum: number,
): number | undefined {
  const text = query.get(name);
  if (text === null) return fallback;
  if (!/^\d{1,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= maximum ? value : undefined;
}
