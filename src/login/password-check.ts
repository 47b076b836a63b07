import { Outage } from '../base/outage.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { LoginSettings } from '../config/schema/config.ts';
import type { Json } from '../principals/principal.ts';
import { EMPTY_JAR, type Jar } from '../sessions/jar.ts';
import { compileAccount } from './account.ts';
import { parseAnswer } from './json-answer.ts';
import type { Keeping } from './keeping.ts';
import { formBody, jsonBody } from './login-body.ts';
import type { LoginAttempt, LoginOutcome } from './login-bridge.ts';
import { compileFields, Unsendable } from './login-fields.ts';
import type { LoginAnswer, LoginRequest, SendLoginRequest } from './own-requests.ts';
import { compilePrepared } from './prepare.ts';
import { compileVerdict, isOutage } from './verdict.ts';

export type CheckedPassword = Exclude<LoginOutcome, { readonly kind: 'throttled' }>;

type Step = (
  request: Pick<LoginRequest, 'method' | 'target' | 'jar'> & Partial<LoginRequest>,
) => Promise<LoginAnswer>;

/**
 * prepare ─► login ─► verdict ─► user request ─► account: everything in the time of one login. Throws `AskFailed` and `Outage` where
 * the upstream says neither yes nor no.
 */
export function compilePasswordCheck(
  name: string,
  settings: LoginSettings,
  basePath: string,
  keeping: Keeping,
  send: SendLoginRequest,
): (attempt: LoginAttempt) => Promise<CheckedPassword> {
  const { request } = settings;
  const body = request.json === undefined ? formBody(request.form ?? {}) : jsonBody(request.json);
  const fieldsFor = compileFields(request.fields);
  const prepare = compilePrepare(settings.prepare);
  const judge = compileVerdict(settings.success, basePath);
  const accountReader = compileAccount(name, settings);
  const identify = compileIdentify(settings.user.request, accountReader.readsAnswer);

  return async (attempt) => {
    const { tenant, username, password, received, now } = attempt;
    const step = stepsOf(attempt, settings.timeout, send);
    // Who posts a login of their own has seen the login page.
    const { prepared, jar } = received === undefined ? await prepare(step, now) : UNPREPARED;
    const values = { username, password, tenant, prepared };
    let fields: readonly string[];
    try {
      fields = fieldsFor(values);
    } catch (error) {
      if (!(error instanceof Unsendable)) throw error;
      return { kind: 'rejected', answer: undefined, reason: error.message };
    }
    const login = await step({
      method: request.method,
      target: targetOf(request.path, received?.target),
      jar,
      fields,
      ...(received === undefined
        ? { body: { contentType: body.contentType, bytes: body.write(values) } }
        : { received }),
    });
    const { setCookies: _, jar: loginJar, ...answer } = login;
    const verdict = judge(login, basePath + request.path, now);
    if (!verdict.ok) return { kind: 'rejected', answer, reason: verdict.error };
    const kept = keeping.keepsFields ? keeping.fieldsOf(parseAnswer(login.body, LOGIN_ANSWER)) : [];
    const identified = await identify(step, login, { cookies: loginJar.cookies, fields: kept });
    if (!identified.ok) return { kind: 'rejected', answer, reason: identified.error };
    const account = accountReader.read(identified.value.json, { tenant: tenant.id, username });
    if (!account.ok) return { kind: 'rejected', answer, reason: account.error };
    const cookies = keeping.cookiesOf(identified.value.jar);
    return { kind: 'accepted', account: account.value, jar: { cookies, fields: kept }, answer };
  };
}

const LOGIN_ANSWER = 'the answer to the login';
const UNPREPARED: Prepared = { prepared: new Map(), jar: EMPTY_JAR };

interface Prepared {
  readonly prepared: ReadonlyMap<string, string>;
  readonly jar: Jar;
}

/** Requests of one login, all of which together have its time. */
function stepsOf(attempt: LoginAttempt, timeoutMilliseconds: number, send: SendLoginRequest): Step {
  const { tenant, peer, origin, userAgent, now } = attempt;
  const end = performance.now() + timeoutMilliseconds;
  return (request) =>
    send({
      tenant,
      client: { peer, origin, userAgent },
      fields: [],
      timeoutMilliseconds: end - performance.now(),
      now,
      ...request,
    });
}

function compilePrepare(settings: LoginSettings['prepare']): (step: Step, now: number) => Promise<Prepared> {
  if (settings === undefined) return () => Promise.resolve(UNPREPARED);
  const read = compilePrepared(settings);
  return async (step, now) => {
    const answer = await step({ ...settings.request, jar: EMPTY_JAR });
    return { prepared: read(answer, now), jar: answer.jar };
  };
}

/** The configured target, with the query that a client gave. */
function targetOf(path: string, received: string | undefined): string {
  const mark = received?.indexOf('?') ?? -1;
  if (received === undefined || mark === -1) return path;
  return `${path}${path.includes('?') ? '&' : '?'}${received.slice(mark + 1)}`;
}

interface Identified {
  readonly json: Json;
  readonly jar: Jar;
}

type Identify = (step: Step, login: LoginAnswer, jar: Jar) => Promise<Result<Identified, string>>;

/** Where it says who the user is: in the answer to the login, or in that to a request of its own. The error is a refusal. */
function compileIdentify(line: LoginSettings['user']['request'], readsAnswer: boolean): Identify {
  if (line === undefined)
    return (_, login, jar) => {
      const json = readsAnswer ? parseAnswer(login.body, LOGIN_ANSWER) : null;
      return Promise.resolve(ok({ json, jar }));
    };
  return async (step, _, jar) => {
    const answer = await step({ ...line, jar });
    const { status } = answer;
    // Logins that answer alike whether the password was right show it here.
    if (status === 401 || status === 403 || (status >= 300 && status < 400))
      return err(`the user request was answered ${status}`);
    if (isOutage(status) || status >= 400)
      throw new Outage('login_unavailable', `the user request was answered ${status}`);
    const json = readsAnswer ? parseAnswer(answer.body, 'the answer to the user request') : null;
    return ok({ json, jar: answer.jar });
  };
}
