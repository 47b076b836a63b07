import { describe, expect, it } from 'vitest';
import { normaliseHost, parseAuthority } from '../../src/http/host.ts';

describe('an authority', () => {
  it.each([
    ['acme.gw.test', 'acme.gw.test', undefined],
    ['ACME.gw.test', 'acme.gw.test', undefined],
    ['acme.gw.test.', 'acme.gw.test', undefined],
    ['acme.gw.test.:8080', 'acme.gw.test', '8080'],
    ['xn--mnchen-3ya.test', 'xn--mnchen-3ya.test', undefined],
    ['127.0.0.1:80', '127.0.0.1', '80'],
    ['[::1]:8080', '[::1]', '8080'],
    ['legacy_box', 'legacy_box', undefined],
  ])('%s is normalised', (value, host, port) => {
    expect(parseAuthority(value)).toEqual({ host, port });
  });

  it.each([
    '',
    ' ',
    'acme.gw.test, evil',
    'acme@evil',
    'evil/acme',
    'acme%2etest',
    'acme\\.evil',
    '*.gw.test',
    'acme..test',
    '.acme',
    'acme:',
    'acme:99999',
    'acme:80:80',
    'münchen.test',
    '[::1',
    '-acme.test',
    'acme-.test',
    `${'a'.repeat(64)}.test`,
    `${'a.'.repeat(127)}aa`,
    'acme\t',
    'acme;x',
    'acme?x',
    'acme#x',
  ])('%j selects nothing', (value) => {
    expect(parseAuthority(value)).toBeUndefined();
  });

  it('has no port as a host name of the configuration', () => {
    expect(normaliseHost('acme.test:80')).toBeUndefined();
    expect(normaliseHost('Acme.Test')).toBe('acme.test');
  });
});
