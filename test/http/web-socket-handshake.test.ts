import { describe, expect, it } from 'vitest';
import { readHandshake } from '../../src/http/web-socket-handshake.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const SOUND: Readonly<Record<string, string>> = {
  Host: 'gw.test',
  Connection: 'keep-alive, Upgrade',
  Upgrade: 'WebSocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': KEY,
};

function rawOf(
  changes: Readonly<Record<string, string | undefined>>,
  more: readonly string[] = [],
): string[] {
  const fields = Object.entries({ ...SOUND, ...changes }).flatMap(([name, value]) =>
    value === undefined ? [] : [name, value],
  );
  return [...fields, ...more];
}

describe('a handshake', () => {
  it('that is sound gives its key', () => {
    expect(readHandshake('GET', '1.1', rawOf({}))).toEqual({ kind: 'valid', key: KEY });
  });

  it.each([
    ['no Upgrade', { Upgrade: undefined }],
    ['another protocol', { Upgrade: 'h2c' }],
    ['a protocol that only begins with websocket', { Upgrade: 'websocketx' }],
  ])('is none with %s', (_, changes) => {
    expect(readHandshake('GET', '1.1', rawOf(changes))).toEqual({ kind: 'none' });
  });

  it.each([
    ['a method other than GET', 'POST', '1.1', {}, []],
    ['HTTP/1.0', 'GET', '1.0', {}, []],
    ['no Connection', 'GET', '1.1', { Connection: undefined }, []],
    ['a Connection without upgrade', 'GET', '1.1', { Connection: 'keep-alive' }, []],
    ['another protocol beside', 'GET', '1.1', { Upgrade: 'websocket, h2c' }, []],
    ['another protocol in a second field', 'GET', '1.1', {}, ['upgrade', 'h2c']],
    ['no key', 'GET', '1.1', { 'Sec-WebSocket-Key': undefined }, []],
    ['a key of 15 bytes', 'GET', '1.1', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA' }, []],
    ['a key of 17 bytes', 'GET', '1.1', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAAA=' }, []],
    [
      'a key in base64 that is not canonical',
      'GET',
      '1.1',
      { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAB==' },
      [],
    ],
    ['two keys', 'GET', '1.1', {}, ['Sec-WebSocket-Key', KEY]],
    ['two origins', 'GET', '1.1', { Origin: 'https://a.test' }, ['origin', 'https://b.test']],
    ['a body by length', 'GET', '1.1', { 'Content-Length': '1' }, []],
    ['a chunked body', 'GET', '1.1', { 'Transfer-Encoding': 'chunked' }, []],
    ['an expectation', 'GET', '1.1', { Expect: '100-continue' }, []],
    ['a Connection that takes its key away', 'GET', '1.1', { Connection: 'Upgrade, Sec-WebSocket-Key' }, []],
    ['a Connection that takes its Origin away', 'GET', '1.1', { Connection: 'Upgrade, origin' }, []],
  ] as const)('is refused with %s', (_, method, version, changes, more) => {
    expect(readHandshake(method, version, rawOf(changes, more))).toMatchObject({ kind: 'invalid' });
  });

  it.each(['12', '9999', '13, 8', '', undefined])('is of another version with %s', (version) => {
    const raw = rawOf({ 'Sec-WebSocket-Version': version });
    expect(readHandshake('GET', '1.1', raw).kind).toBe('otherVersion');
  });
});
