import { describe, expect, test } from 'vitest';
import { type CsrfFacts, csrfObjection } from '../../src/http/csrf.ts';

const OWN = 'https://acme.gw.test';
const LISTED = 'https://app.acme.test';
const base: CsrfFacts = {
  method: 'POST',
  csrfField: '1',
  secFetchSite: undefined,
  origin: undefined,
  ownOrigin: OWN,
  listedOrigins: new Set([LISTED]),
  isLegacy: false,
};

describe('a request that may change something is taken as meant', () => {
  const cases: readonly (readonly [title: string, facts: Partial<CsrfFacts>, isMeant: boolean])[] = [
    ['from a page of ours', { secFetchSite: 'same-origin' }, true],
    ['from a page of ours, by its origin', { origin: OWN }, true],
    ['from a listed page', { origin: LISTED }, true],
    ['from a listed page of another site', { origin: LISTED, secFetchSite: 'cross-site' }, true],
    [
      'from a page of ours behind a proxy that hides our name',
      { secFetchSite: 'same-origin', origin: 'http://inner' },
      true,
    ],
    ['with the field alone', {}, false],
    ['without the field', { csrfField: undefined, secFetchSite: 'same-origin', origin: OWN }, false],
    ['with an empty or repeated field', { csrfField: '', secFetchSite: 'same-origin' }, false],
    ['from the same site only', { secFetchSite: 'same-site' }, false],
    ['from the address bar', { secFetchSite: 'none' }, false],
    ['from another site', { secFetchSite: 'cross-site', origin: 'https://evil.test' }, false],
    ['in other letters', { secFetchSite: 'Same-Origin' }, false],
    ['with two sites', { secFetchSite: '' }, false],
    ['from a null origin', { origin: 'null' }, false],
    ['from a null origin that is listed', { origin: 'null', listedOrigins: new Set(['null']) }, false],
    ['with two origins', { origin: '' }, false],
    ['from our origin over another scheme', { origin: 'http://acme.gw.test' }, false],
    ['from our origin on another port', { origin: `${OWN}:8443` }, false],
    ['from an origin that begins with ours', { origin: `${OWN}.evil.test` }, false],
    ['from an origin that ends with a listed one', { origin: 'https://evil-app.acme.test' }, false],
    ['from our origin in capitals', { origin: OWN.toUpperCase() }, false],
    ['of an old client that is no browser', { isLegacy: true, csrfField: undefined }, true],
    [
      'of an old session in a browser, by Origin',
      { isLegacy: true, csrfField: undefined, origin: OWN },
      false,
    ],
    [
      'of an old session in a browser, by Sec-Fetch-Site',
      { isLegacy: true, csrfField: undefined, secFetchSite: 'same-origin' },
      false,
    ],
    [
      'of an old session in a browser with two origins',
      { isLegacy: true, csrfField: undefined, origin: '' },
      false,
    ],
    ['of an old session in a browser, with the field', { isLegacy: true, origin: OWN }, true],
    ['of a client that is no browser, with a session that is not old', { csrfField: undefined }, false],
  ];
  test.each(cases)('%s', (_, facts, isMeant) => {
    expect(csrfObjection({ ...base, ...facts }) === undefined).toBe(isMeant);
  });

  test.each(['PUT', 'PATCH', 'DELETE', 'PROPFIND', 'get', ''])('by nothing less for %s', (method) => {
    expect(csrfObjection({ ...base, method, csrfField: undefined, origin: OWN })).toBeDefined();
  });
});

describe('where HTML forms are taken, one without our field is meant', () => {
  test.each<readonly [string, Partial<CsrfFacts>, boolean]>([
    ['from a page of ours', { secFetchSite: 'same-origin', origin: OWN }, true],
    ['from a page of ours that hides its origin', { secFetchSite: 'same-origin', origin: 'null' }, true],
    ['from a page of ours, by its origin', { origin: OWN }, true],
    ['from nowhere known', {}, false],
    ['from a listed page', { origin: LISTED }, false],
    ['from a listed page of the same site', { origin: LISTED, secFetchSite: 'same-site' }, false],
    ['from another site', { origin: 'https://evil.test', secFetchSite: 'cross-site' }, false],
    ['from another site that claims our origin', { origin: OWN, secFetchSite: 'cross-site' }, false],
    ['from the address bar', { secFetchSite: 'none' }, false],
    ['from a null origin', { origin: 'null' }, false],
    ['from our origin over another scheme', { origin: 'http://acme.gw.test' }, false],
    ['with two sites', { origin: OWN, secFetchSite: '' }, false],
    ['with our field twice', { csrfField: '', origin: OWN, secFetchSite: 'same-origin' }, false],
    ['with our field, from a listed page', { csrfField: '1', origin: LISTED }, true],
  ])('%s: %j is %s', (_, facts, isMeant) => {
    const form = { ...base, csrfField: undefined, takesForms: true, ...facts };
    expect(csrfObjection(form) === undefined).toBe(isMeant);
  });
});

test.each(['GET', 'HEAD', 'OPTIONS'])('%s, which changes nothing, needs no proof', (method) => {
  const facts = { method, csrfField: undefined, secFetchSite: 'cross-site', origin: 'https://evil.test' };
  expect(csrfObjection({ ...base, ...facts })).toBeUndefined();
});
