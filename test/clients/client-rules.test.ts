import { expect, test } from 'vitest';
import { type ClientRights, problemsOfClient } from '../../src/clients/client-rules.ts';
import { aClient, tenantId } from '../contract/fixtures.ts';

function placesOf(members: Partial<ClientRights>): readonly string[] {
  return problemsOfClient({ ...aClient('erp'), ...members }).map(({ path }) => path.join('.'));
}

test.each<[string, Partial<ClientRights>]>([
  ['a confidential client that acts for itself', { grants: ['client_credentials'] }],
  [
    'a public client whose users log in',
    { isPublic: true, grants: ['password', 'refresh_token'], login: 'shop' },
  ],
  [
    'a page',
    { isPublic: true, grants: [], login: 'shop', browserSession: true, origins: ['https://a.example:8443'] },
  ],
  ['an app with a scheme of its own', { origins: ['capacitor://localhost', 'http://localhost:5173'] }],
  ['every character of a scope', { scopes: ['!', '#$%&[]~', 'https://a.example/b#c'] }],
])('%s is in order', (_, members) => {
  expect(placesOf(members)).toEqual([]);
});

test.each<[string, Partial<ClientRights>, readonly string[]]>([
  [
    'a public client cannot act for itself',
    { isPublic: true, grants: ['refresh_token', 'client_credentials'] },
    ['grants.1'],
  ],
  ['passwords are checked by a login', { grants: ['password'] }, ['login']],
  ['and so are those of pages', { browserSession: true }, ['login']],
  [
    'a scope is one word of ASCII',
    { scopes: ['', 'a b', 'a"b', 'a\\b', 'ä', 'a\u007F', 'a\n', 'ok'] },
    [0, 1, 2, 3, 4, 5, 6].map((at) => `scopes.${at}`),
  ],
  [
    'an origin is what a browser sends, and never all of them',
    {
      origins: [
        'null',
        '*',
        'https://*.example',
        'https://A.example',
        'https://a.example/',
        'https://a.example:443',
        'https://u@a.example',
        '',
      ],
    },
    [0, 1, 2, 3, 4, 5, 6, 7].map((at) => `origins.${at}`),
  ],
  [
    'nothing is there twice',
    {
      grants: ['client_credentials', 'client_credentials'],
      scopes: ['a', 'a'],
      tenants: [tenantId('a'), tenantId('a')],
      origins: ['https://a.example', 'https://a.example'],
    },
    ['grants.1', 'scopes.1', 'tenants.1', 'origins.1'],
  ],
])('%s', (_, members, places) => {
  expect(placesOf(members)).toEqual(places);
});
