import type { Endpoint } from '../endpoints/endpoint.ts';
import { parseTarget } from '../http/target.ts';
import type { InterceptedRoute } from '../session-endpoints/intercepted-login.ts';

/** What the public listener answers itself, before any route is looked for. */
export interface OwnEndpoints {
  /** `target` as received. `undefined`: it is for a route. */
  find(method: string, target: string): Endpoint | undefined;
}

/**
 * Paths of the gateway's own are found as they are spelled. Those of an upstream are found in every spelling that the
 * upstream might take for them (other case, percent-encoded letters, path parameters, a slash at the end): a login that
 * went past would not be counted.
 */
export function createOwnEndpoints(
  byPath: ReadonlyMap<string, Endpoint>,
  intercepted: readonly InterceptedRoute[],
): OwnEndpoints {
  const byFoldedPath = new Map(
    intercepted.map(({ method, path, endpoint }) => [`${method} ${foldPath(path) ?? path}`, endpoint]),
  );
  const interceptedMethods = new Set(intercepted.map(({ method }) => method));
  return {
    find(method, target) {
      const end = target.indexOf('?');
      const own = byPath.get(end === -1 ? target : target.slice(0, end));
      if (own !== undefined || !interceptedMethods.has(method)) return own;
      const folded = foldPath(target);
      return folded === undefined ? undefined : byFoldedPath.get(`${method} ${folded}`);
    },
  };
}

/** `undefined`: the target is not canonical, and refused as such later. */
function foldPath(target: string): string | undefined {
  const parsed = parseTarget(target);
  if (!parsed.ok) return undefined;
  return parsed.value.segments
    .map((segment) => `/${(segment.split(';', 1)[0] ?? '').toLowerCase()}`)
    .join('');
}
