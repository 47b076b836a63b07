import type { Steps } from '../base/paced.ts';
import type { PathPattern } from './path-pattern.ts';
import { createPathTree, type PathTree } from './path-tree.ts';

/** What the router needs to know of a route. */
export interface Routable {
  readonly id: string;
  /** Normalised exact host, or the part after `{tenant}.`; absent: any host. */
  readonly host: { readonly kind: 'exact' | 'tenantPattern'; readonly name: string } | undefined;
  readonly path: PathPattern;
  /** Absent: every method. */
  readonly methods: readonly string[] | undefined;
}

export type RouteMatch<R> =
  | { readonly kind: 'matched'; readonly route: R }
  | { readonly kind: 'methodNotAllowed'; readonly allow: readonly string[] }
  | { readonly kind: 'notFound' };

/**
 * Host, then path, then method: routes of the exact host come before those of a host pattern, and those before
 * routes for any host. Of the first group whose patterns match, the most specific pattern decides alone: a method
 * that it does not have is 405, never a reason to fall back to a broader pattern with weaker rules.
 */
export interface Router<R> {
  match(host: string, segments: readonly string[], method: string): RouteMatch<R>;
}

interface Leaf<R> {
  readonly byMethod: Map<string, R>;
  anyMethod: R | undefined;
}

export function* buildRouter<R extends Routable>(routes: readonly R[]): Steps<Router<R>> {
  const exact = new Map<string, PathTree<Leaf<R>>>();
  const patterns = new Map<string, PathTree<Leaf<R>>>();
  const anyHost = createPathTree<Leaf<R>>();
  for (const route of routes) {
    addRoute(treeFor(route), route);
    yield;
  }

  function treeFor(route: R): PathTree<Leaf<R>> {
    if (route.host === undefined) return anyHost;
    const trees = route.host.kind === 'exact' ? exact : patterns;
    const known = trees.get(route.host.name);
    if (known !== undefined) return known;
    const created = createPathTree<Leaf<R>>();
    trees.set(route.host.name, created);
    return created;
  }

  function findLeaf(host: string, segments: readonly string[]): Leaf<R> | undefined {
    const ofHost = exact.size === 0 ? undefined : exact.get(host)?.find(segments);
    if (ofHost !== undefined) return ofHost;
    const ofPattern = patterns.size === 0 ? undefined : patterns.get(parentOf(host))?.find(segments);
    return ofPattern ?? anyHost.find(segments);
  }

  return {
    match(host, segments, method) {
      const leaf = findLeaf(host, segments);
      if (leaf === undefined) return { kind: 'notFound' };
      const route = leaf.byMethod.get(method) ?? leaf.anyMethod;
      if (route !== undefined) return { kind: 'matched', route };
      return { kind: 'methodNotAllowed', allow: [...leaf.byMethod.keys()].sort() };
    },
  };
}

/** `acme.api.example.com` → `api.example.com`. */
export function parentOf(host: string): string {
  const dot = host.indexOf('.');
  return dot === -1 ? '' : host.slice(dot + 1);
}

function addRoute<R extends Routable>(tree: PathTree<Leaf<R>>, route: R): void {
  const leaf = tree.leaf(route.path, () => ({ byMethod: new Map(), anyMethod: undefined }));
  if (route.methods === undefined) {
    leaf.anyMethod = route;
    return;
  }
  for (const method of route.methods) leaf.byMethod.set(method, route);
}

/** Routes that name GET answer HEAD too (RFC 9110 §9.3.2), unless HEAD has a route of its own on that pattern. */
export function* addImpliedHead<R extends Routable>(
  routes: readonly R[],
  keyOf: (route: R) => string,
): Steps<readonly R[]> {
  const withHead = new Set(routes.filter((route) => route.methods?.includes('HEAD')).map(keyOf));
  const completed: R[] = [];
  for (const route of routes) {
    const lacksHead = route.methods?.includes('GET') === true && !withHead.has(keyOf(route));
    completed.push(lacksHead ? { ...route, methods: [...(route.methods ?? []), 'HEAD'] } : route);
    yield;
  }
  return completed;
}
