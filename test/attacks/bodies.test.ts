import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AttackedGateway, startAttackedGateway } from '../support/attacked-gateway.ts';

let attacked: AttackedGateway;
beforeAll(async () => {
  attacked = await startAttackedGateway();
});
afterAll(() => attacked.close());
beforeEach(() => attacked.forget());

/** Bytes are Latin-1. */
function post(fields: readonly string[], body: string): Buffer {
  const lines = ['POST /api/s09 HTTP/1.1', 'Host: acme.gw.test', 'Connection: close'];
  return Buffer.from(
    [...lines, `X-API-Key: ${attacked.acme.key}`, ...fields, '', body].join('\r\n'),
    'latin1',
  );
}

describe('S09 a body that somebody would write differently if they had read it', () => {
  it.each([
    ['numbers that lose digits', 'application/json', '{"id":12345678901234567890,"a":1.0,"b":1e2}'],
    ['a member twice', 'application/json', '{"tenant":"acme","tenant":"globex"}'],
    ['members in an order, and white space', 'application/json', ' {\n"b" : 1,\r\n\t"a" : 2 }\n'],
    ['escapes that stand for themselves', 'application/json', '{"a":"\\u0061\\/\\ud800"}'],
    ['a byte order mark', 'application/json', '\xef\xbb\xbf{}'],
    ['JSON that is none', 'application/json', '{"a":'],
    ['JSON in another encoding', 'application/json; charset=iso-8859-1', '{"a":"\xe9"}'],
    ['__proto__', 'application/json', '{"__proto__":{"admin":true},"constructor":1}'],
    [
      'a form with a name twice and odd escapes',
      'application/x-www-form-urlencoded',
      'a=1&a=2&b=%zz&c=+%2B&&=x',
    ],
    ['a form in parts', 'multipart/form-data; boundary=x', '--x\nname: a\r\n\r\n1\n--x--'],
    ['text that is no UTF-8', 'text/plain; charset=utf-8', 'a\xff\xfe\0b'],
    [
      'XML with an entity',
      'application/xml',
      '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    ],
    ['what says to be compressed and is not', 'application/json', '{"a":1}'],
  ])('reaches the upstream byte for byte: %s', async (what, type, body) => {
    const coding = what.includes('compressed') ? ['Content-Encoding: gzip'] : [];
    const fields = [`Content-Type: ${type}`, `Content-Length: ${body.length}`, ...coding];
    const forwarded = await attacked.expectForwarded(await attacked.gateway.raw(post(fields, body)));
    expect(forwarded.body.toString('latin1')).toBe(body);
    expect(forwarded.all('content-type')).toEqual([type]);
    expect(forwarded.all('content-length')).toEqual([String(body.length)]);
    expect(forwarded.all('content-encoding')).toEqual(coding.map(() => 'gzip'));
  });

  it('reaches the upstream byte for byte: in chunks of any size', async () => {
    const body = '{"id":12345678901234567890,"a":1.0}';
    const chunks = body.replaceAll(/./g, '1\r\n$&\r\n');
    const forwarded = await attacked.expectForwarded(
      await attacked.gateway.raw(
        post(['Content-Type: application/json', 'Transfer-Encoding: chunked'], `${chunks}0\r\n\r\n`),
      ),
    );
    expect(forwarded.body.toString('latin1')).toBe(body);
    expect(forwarded.all('content-length')).toEqual([]);
  });

  it('reaches nobody when the credential is wrong', async () => {
    const request = post(['Content-Type: application/json', 'Content-Length: 2'], '{}').toString('latin1');
    const answer = await attacked.gateway.raw(request.replace(attacked.acme.key, 'wrong'));
    await attacked.expectRefused(answer, 401, 'credential_invalid');
  });
});
