import { expect, test } from 'vitest';
import { parseVersion } from '../../../bench/peers/programs.ts';

test.each([
  ['nginx version: nginx/1.22.1\n', '1.22.1'],
  ['HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/', '2.6.12'],
  ['envoy  version: 1a2b/1.40.0/Clean/RELEASE/BoringSSL', '1.40.0'],
  ['2.6.2\n', '2.6.2'],
  ['Version:      3.7.15\nCodename:     langres\nGo version:   go1.26.9', '3.7.15'],
  ['oauth2-proxy undefined', undefined],
])('the version in %j is %s', (text, version) => {
  expect(parseVersion(text)).toBe(version);
});
