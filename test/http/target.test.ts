import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTarget } from '../../src/http/target.ts';

describe('a request target', () => {
  it.each([
    ['/', []],
    ['/api/orders', ['api', 'orders']],
    ['/api/orders/', ['api', 'orders']],
    ['/api/%61dmin', ['api', 'admin']],
    ['/api/M%C3%BCller', ['api', 'M\u00c3\u00bcller']],
    ['/api/%e0%a4%85%F0%9F%98%80', ['api', '\u00e0\u00a4\u0085\u00f0\u009f\u0098\u0080']],
    ['/api;x=1/admin', ['api;x=1', 'admin']],
    ['/.well-known/x', ['.well-known', 'x']],
    ['/a/...', ['a', '...']],
    ['/a/100%25', ['a', '100%']],
    ['/a/100%25-sure', ['a', '100%-sure']],
  ])('%s is split into its decoded segments', (target, segments) => {
    expect(parseTarget(target)).toMatchObject({ ok: true, value: { path: target, query: '', segments } });
  });

  it.each([
    ['', 'origin form'],
    ['*', 'origin form'],
    ['http://evil.test/api', 'origin form'],
    ['//evil.test/admin', 'empty segment'],
    ['///admin', 'empty segment'],
    ['/api//admin', 'empty segment'],
    ['/api/;/admin', 'empty segment with parameters'],
    ['/;x=1/api', 'empty segment with parameters'],
    ['/api/%3Bx', 'empty segment with parameters'],
    ['/api/./admin', 'dot segment'],
    ['/api/%2e/admin', 'dot segment'],
    ['/api/../admin', 'dot segment'],
    ['/api/%2e%2E/admin', 'dot segment'],
    ['/api/.%2e/admin', 'dot segment'],
    ['/api/..;/admin', 'dot segment'],
    ['/api/..;x=1/admin', 'dot segment'],
    ['/api/.;/admin', 'dot segment'],
    ['/api/..', 'dot segment'],
    ['/api/..%2fadmin', 'encoded slash'],
    ['/api/..%5cadmin', 'encoded slash, backslash'],
    ['/api%2fadmin', 'encoded slash'],
    ['/api%2Fadmin', 'encoded slash'],
    ['/api%3fx', 'encoded slash, backslash, ?'],
    ['/api%23x', '#'],
    ['/api%00', 'control byte'],
    ['/api%0d%0a', 'control byte'],
    ['/api%7f', 'control byte'],
    ['/api\\admin', 'backslash'],
    ['/public#/../admin', 'fragment'],
    ['/public?x#y', 'fragment'],
    ['/api/%252e%252e/admin', 'encoded twice'],
    ['/api/%zz', 'two hex digits'],
    ['/api/%', 'two hex digits'],
    ['/api/%4', 'two hex digits'],
    ['/api/%c0%af', 'overlong'],
    ['/api/%C1%9C', 'overlong'],
    ['/api/%e0%80%af%61dmin', 'overlong'],
    ['/api/%E0%9F%BF', 'overlong'],
    ['/api/%f0%80%80%af', 'overlong'],
    ['/api/%f0%8f%bf%bf', 'overlong'],
    ['/api/ü', 'outside ASCII'],
    ['/api/a b', 'space'],
    ['/api?a=\u0000', 'control byte'],
  ])('%s is refused, since it can be read in two ways', (target, reason) => {
    const parsed = parseTarget(target);
    expect(parsed).toMatchObject({ ok: false, error: expect.stringContaining(reason) });
    expect(JSON.stringify(parsed)).not.toContain('evil');
  });

  it.each([
    ['/api/orders', false],
    ['/api;x=1/orders', true],
    ['/api/orders%3Bx', true],
    ['/api/orders?a;b', false],
  ])('%s has path parameters: %s', (target, hasParameters) => {
    expect(parseTarget(target)).toMatchObject({ ok: true, value: { hasParameters } });
  });

  it('keeps the query as it came, a second question mark too, and out of the segments', () => {
    expect(parseTarget('/a?b=1?c=2&d=%2f/../x')).toMatchObject({
      ok: true,
      value: { path: '/a', query: 'b=1?c=2&d=%2f/../x', segments: ['a'] },
    });
  });

  it('is read as a WHATWG URL parser reads it, whenever it is accepted', () => {
    const piece = fc.constantFrom(
      '/',
      '.',
      '..',
      '%2e',
      '%2f',
      '%',
      '%25',
      'a',
      ';',
      '\\',
      '#',
      '?',
      '%61',
      '//',
      ':',
      '@',
      '%5c',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const target = `/${pieces.join('')}`;
        const parsed = parseTarget(target);
        if (!parsed.ok) return;
        const url = new URL(`http://gw.test${target}`);
        expect(url.pathname).toBe(parsed.value.path);
        expect(url.host).toBe('gw.test');
      }),
      { numRuns: 2000 },
    );
  });
});
