import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { faultOf, USER, whatIsMissing } from '../../../bench/peers/peer-path.ts';
import { peerGroups } from '../../../bench/peers/table.ts';
import { TARGETS_PER_SUITE } from '../../../bench/targets/table.ts';

const GROUPS = peerGroups((name) => name);

test('every group has the bare pass-through and Gatehouse, and few enough paths that none goes cold', () => {
  for (const { paths } of GROUPS) {
    const names = paths.map(({ target }) => target.name);
    expect(names).toEqual(expect.arrayContaining(['bare', 'gatehouse-bearer-assertion']));
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeLessThanOrEqual(TARGETS_PER_SUITE);
  }
});

/** Those that give out sessions have to run for that. */
const PREPARED = GROUPS.flatMap(({ paths }) => paths).filter(
  ({ target, work }) => work !== undefined && target.name !== 'nginx-oauth2-proxy-session',
);

test.each([...new Map(PREPARED.map((each) => [each.target.name, each])).values()])(
  '$target.name brings a wrong credential, of the same form as the one that it presents',
  async ({ target }) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'gatehouse-bench-'));
    try {
      const { requests = [], refused } = await target.prepare({ port: 1, upstreamPort: 2, folder });
      expect(Object.keys(refused ?? {})).toEqual(Object.keys(requests[0] ?? {}));
      expect(Object.values(refused ?? {}).map((value) => value?.length)).toEqual(
        Object.values(requests[0] ?? {}).map((value) => value?.length),
      );
      expect(requests).not.toContainEqual(refused);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

test('a path is left out when one of its programs is missing, with the reason', () => {
  const nginx = { kind: 'found', path: '/usr/sbin/nginx', version: '1.22.1' } as const;
  const asking = GROUPS.flatMap(({ paths }) => paths).find(
    ({ target }) => target.name === 'nginx-oauth2-proxy',
  );
  if (asking === undefined) throw new Error('no such path');
  const missing = { kind: 'missing', why: 'cannot be had: no network' } as const;
  expect(whatIsMissing(asking, { nginx, 'oauth2-proxy': missing })).toBe('cannot be had: no network');
  expect(whatIsMissing(asking, { nginx, 'oauth2-proxy': nginx })).toBeUndefined();
});

test('a forwarded request is found out without its identity, and with the credential of the client', () => {
  const head = 'GET / HTTP/1.1\r\nX-User-Id: anna\r\n';
  expect(faultOf(head, [USER], /^authorization:/im)).toBeUndefined();
  expect(faultOf('GET / HTTP/1.1\r\nX-User-Id: \r\n', [USER])).toContain('without');
  expect(faultOf(`${head}Authorization: Bearer t\r\n`, [USER], /^authorization:/im)).toBe(
    'with the credential of the client',
  );
});
