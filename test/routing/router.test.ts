import { describe, expect, it } from 'vitest';
import type { Steps } from '../../src/base/paced.ts';
import { compilePathPattern, shapeOfPattern } from '../../src/routing/path-pattern.ts';
import { addImpliedHead, buildRouter, type Routable } from '../../src/routing/router.ts';

/** Does the work at once. */
function madeBy<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

function route(id: string, path: string, methods?: readonly string[], host?: Routable['host']): Routable {
  return { id, path: compilePathPattern(path), methods, host };
}

function find(routes: readonly Routable[], path: string, method = 'GET', host = 'gw.test'): string {
  const match = madeBy(buildRouter(routes)).match(
    host,
    path.split('/').filter((segment) => segment !== ''),
    method,
  );
  return match.kind === 'matched'
    ? match.route.id
    : match.kind === 'methodNotAllowed'
      ? `405 ${match.allow.join(',')}`
      : '404';
}

const key = (each: Routable): string => shapeOfPattern(each.path);

describe('the router', () => {
  const routes = [
    route('any', '/api/**'),
    route('list', '/api/orders', ['GET']),
    route('one', '/api/orders/{id}', ['GET']),
    route('mine', '/api/orders/mine', ['GET']),
    route('lines', '/api/{kind}/{id}/lines', ['GET']),
    route('admin', '/api/admin', ['GET']),
  ];

  it.each([
    ['/api', 'any'],
    ['/api/x/y/z', 'any'],
    ['/api/orders', 'list'],
    ['/api/orders/', 'list'],
    ['/api/orders/7', 'one'],
    ['/api/orders/mine', 'mine'],
    ['/api/orders/7/lines', 'lines'],
    ['/api/orders/mine/lines', 'lines'],
    ['/api/orders/7/other', 'any'],
    ['/', '404'],
    ['/apis', '404'],
  ])('sends %s to %s: the most specific pattern wins', (path, expected) => {
    expect(find(routes, path)).toBe(expected);
  });

  it('answers 405 for a method that the most specific pattern lacks, and never falls back to a weaker one', () => {
    expect(find(routes, '/api/admin', 'DELETE')).toBe('405 GET');
  });

  it('prefers routes of the exact host, then of a host pattern, then of any host', () => {
    const hosts = [
      route('any-host', '/a'),
      route('pattern', '/a', undefined, { kind: 'tenantPattern', name: 'gw.test' }),
      route('exact', '/a', undefined, { kind: 'exact', name: 'acme.gw.test' }),
      route('elsewhere', '/b'),
    ];
    expect(find(hosts, '/a', 'GET', 'acme.gw.test')).toBe('exact');
    expect(find(hosts, '/a', 'GET', 'globex.gw.test')).toBe('pattern');
    expect(find(hosts, '/a', 'GET', 'other.test')).toBe('any-host');
    expect(find(hosts, '/b', 'GET', 'acme.gw.test')).toBe('elsewhere');
  });

  it('lets a route for GET answer HEAD, unless HEAD has a route of its own', () => {
    expect(find(madeBy(addImpliedHead([route('get', '/a', ['GET'])], key)), '/a', 'HEAD')).toBe('get');
    const both = madeBy(addImpliedHead([route('get', '/a', ['GET']), route('head', '/a', ['HEAD'])], key));
    expect(find(both, '/a', 'HEAD')).toBe('head');
  });

  it('takes names of object members for ordinary segments', () => {
    expect(find([route('x', '/a/b')], '/__proto__/constructor')).toBe('404');
  });

  it('matches a literal outside ASCII by its bytes', () => {
    const bytes = Buffer.from('Müller', 'utf8').toString('latin1');
    expect(find([route('x', '/a/Müller')], `/a/${bytes}`)).toBe('x');
  });
});
