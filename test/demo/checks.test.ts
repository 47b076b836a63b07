import { describe, expect, test } from 'vitest';
import {
  arrivesWith,
  keepsCredentialFrom,
  reachesNobody,
  refuses,
  showsEarly,
} from '../../demo/lines/checks.ts';
import type { DemoRequest, Outcome } from '../../demo/lines/demo-line.ts';
import { quote } from '../../demo/lines/paste.ts';
import { readAnswer, runInShell } from '../../demo/lines/run-line.ts';
import { arrivesAsUser, setsCookies } from '../../demo/lines/user-checks.ts';

function outcomeOf(members: Partial<Outcome> = {}): Outcome {
  return { exitCode: 0, answer: undefined, output: [], endedAtMs: 1000, received: [], ...members };
}

function receivedWith(...fields: (readonly [string, string])[]): Outcome {
  return outcomeOf({ received: [{ method: 'GET', target: '/api/orders', fields }] });
}

function answerThatSets(...cookies: readonly string[]): Outcome {
  const fields = cookies.map((value) => ['set-cookie', value] as const);
  return outcomeOf({ answer: { status: 200, fields, body: Buffer.alloc(0) } });
}

/** An outcome that ends at 1000 ms. */
function eventAt(atMs: number): Outcome {
  return outcomeOf({ output: [{ atMs, bytes: Buffer.from('data: 1') }] });
}

describe('a line fails when', () => {
  const arrivesAsAcme = arrivesWith({ 'X-Tenant-Id': 'acme' });

  test.each([
    ['nothing arrived', outcomeOf()],
    ['another tenant arrived', receivedWith(['X-Tenant-Id', 'globex'])],
    ['no tenant arrived', receivedWith()],
    [
      'a spoofed field arrived beside the right one',
      receivedWith(['X-Tenant-Id', 'acme'], ['X_Tenant_Id', 'globex']),
    ],
  ])('%s', (_, outcome) => {
    expect(arrivesAsAcme(outcome)).toMatch(/^the legacy API received /);
  });

  test('a field that must be absent arrived', () => {
    const check = arrivesWith({ Authorization: undefined });
    expect(check(receivedWith(['authorization', 'Bearer x']))).toMatch(/Bearer x, not nothing/);
    expect(check(receivedWith())).toBeUndefined();
  });

  test("the client's credential arrived under any name", () => {
    const request: DemoRequest = {
      method: 'GET',
      host: 'acme.localhost',
      path: '/',
      fields: [['Authorization', 'Bearer token-of-anna']],
      shows: 'answer',
    };
    const leak = receivedWith(['X-Forwarded-Access-Token', 'token-of-anna']);
    expect(keepsCredentialFrom(request, [])(leak)).toMatch(/X-Forwarded-Access-Token/);
    expect(keepsCredentialFrom(request, ['token-of-anna'])(leak)).toBeUndefined();
  });

  test("the gateway's own cookie arrived", () => {
    const request: DemoRequest = {
      method: 'GET',
      host: 'localhost',
      path: '/',
      fields: [['Cookie', 'auth=ghs_of-anna']],
      shows: 'answer',
    };
    expect(keepsCredentialFrom(request, [])(receivedWith(['Cookie', 'a=b; auth=ghs_of-anna']))).toMatch(
      /reached the legacy API in Cookie/,
    );
  });

  test.each([
    ['17', 'ASP.NET_SessionId=a; auth=b', undefined],
    ['18', 'ASP.NET_SessionId=a; auth=b', /^it arrived as acme 18/],
    ['17', 'ASP.NET_SessionId=a', /^it arrived with the cookies ASP.NET_SessionId$/],
    ['17', 'ASP.NET_SessionId=a; auth=b; theme=dark', /theme/],
    ['17', 'ASP.NET_SessionId=a; auth=ghs_c', /own cookie arrived/],
  ])('the user %s arrived with %s', (user, cookies, complaint) => {
    const said = arrivesAsUser(
      'acme',
      '17',
    )(receivedWith(['X-Tenant-Id', 'acme'], ['X-User-Id', user], ['Cookie', cookies]));
    expect(said ?? '').toMatch(complaint ?? /^$/);
  });

  test('another cookie is set than it should be', () => {
    const check = setsCookies({ auth: /^ghs_/ });
    expect(check(answerThatSets('auth=ghs_a; HttpOnly'))).toBeUndefined();
    expect(check(answerThatSets('auth=of-the-upstream'))).toMatch(/auth is not as it should be/);
    expect(check(answerThatSets('auth=ghs_a', 'ASP.NET_SessionId=b'))).toMatch(/ASP.NET_SessionId, not auth/);
    expect(check(answerThatSets())).toMatch(/\(none\), not auth/);
  });

  test('a refused request reached the legacy API', () => {
    expect(reachesNobody(receivedWith())).toMatch(/^the legacy API received/);
  });

  test('the refusal has another status or code', () => {
    const answer = { status: 401, fields: [], body: Buffer.from('{"code":"credential_invalid"}') };
    expect(refuses(401, 'credential_invalid')(outcomeOf({ answer }))).toBeUndefined();
    expect(refuses(401, 'credential_revoked')(outcomeOf({ answer }))).toMatch(/credential_invalid, not/);
    expect(refuses(403, 'credential_invalid')(outcomeOf({ answer }))).toMatch(/401, not 403/);
  });

  test('the first event comes with the last', () => {
    expect(showsEarly('data: 1', 600)(eventAt(100))).toBeUndefined();
    expect(showsEarly('data: 1', 600)(eventAt(990))).toMatch(/only 10 ms/);
  });
});

describe('a line', () => {
  test('means the same to the shell, whatever is in it', async () => {
    const nasty = `a'b "c" $HOME \`id\` \\ ; | & * \n#`;
    const { output } = await runInShell(`printf %s ${quote(nasty)}`, '');
    expect(Buffer.concat(output.map(({ bytes }) => bytes)).toString()).toBe(nasty);
  });

  test('is read past interim answers to the final one', () => {
    const printed = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nX-A: 1\r\n\r\nbody\r\n\r\n';
    const answer = readAnswer(Buffer.from(printed));
    expect(answer).toMatchObject({ status: 201, fields: [['x-a', '1']] });
    expect(answer?.body.toString()).toBe('body\r\n\r\n');
  });
});
