import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { clientsUnderAttack } from './attacked-clients.ts';
import { eventually } from './authentication.ts';
import { type ConfigObject, startTestGateway, type TestGateway } from './gateway.ts';
import { type LegacyLogin, startLegacyLogin } from './legacy-login.ts';
import type { RawAnswer } from './raw-client.ts';
import { type RunningRedis, redisMissing, startRedis } from './redis.ts';
import { ANNA, cookieOf, MEANT, usersConfig } from './users-scene.ts';
import { outcomeOf, wire } from './wire.ts';

type AuditRecord = Awaited<ReturnType<TestGateway['auditOf']>>;

export const SESSION_COOKIE = '__Host-gatehouse';
export const REMEMBER_COOKIE = '__Secure-gatehouse-remember';
export const FORM = 'Content-Type: application/x-www-form-urlencoded';

export interface SendOptions {
  readonly fields?: readonly string[];
  /** JSON unless it is text or bytes. */
  readonly body?: unknown;
  readonly host?: string;
  /** Default: the first gateway. */
  readonly on?: TestGateway | undefined;
}

/** Gateways at which users log in, under attack: one on the embedded store, or two on one Redis. */
export interface AttackedUsers {
  readonly gateways: readonly TestGateway[];
  readonly first: TestGateway;
  /** Another replica where there is one. */
  readonly last: TestGateway;
  /** The upstream with its login. */
  readonly upstream: LegacyLogin;
  /** `undefined`: the store is embedded. */
  readonly redis: RunningRedis | undefined;
  send(line: string, options?: SendOptions): Promise<RawAnswer>;
  /** Posts a form, as clients of the token service do. */
  post(path: string, parameters: ConfigObject | string, options?: SendOptions): Promise<RawAnswer>;
  /** Logs anna in as a browser; `details` are further members of the login. */
  logIn(details?: ConfigObject, options?: SendOptions): Promise<RawAnswer>;
  /** The Cookie field of a new session. */
  session(details?: ConfigObject, options?: SendOptions): Promise<string>;
  /** Tokens of a new session of the password grant. */
  tokens(parameters?: ConfigObject, options?: SendOptions): Promise<Tokens>;
  /** Moves the clock of every gateway. */
  travel(milliseconds: number): Promise<void>;
  /** What the upstream got since `forget`, but for logouts, which the gateway sends when it likes: `POST /api/login`. */
  received(): readonly string[];
  forget(): void;
  /**
   * A refusal, or several that are alike: what the client was told (`401 credential_invalid`), what the audit stream says (`credential_invalid: REASON`), what the
   * upstream got, and gateways that live.
   */
  expectRefused(
    answers: RawAnswer | readonly RawAnswer[],
    told: string,
    recorded: string | RegExp,
    received?: readonly string[],
  ): Promise<AuditRecord>;
  /** Something that was admitted: its status, its record, what the upstream got, and gateways that live. */
  expectAdmitted(answer: RawAnswer, status: number, received?: readonly string[]): Promise<AuditRecord>;
  expectAlive(): Promise<void>;
}

export interface Tokens {
  readonly access: string;
  readonly refresh: string;
}

/** The attacks of a file, on both stores. `adapt` changes the configuration. The clock is its own again after each test. */
export function onBothStores(
  suite: (scene: AttackedUsers) => void,
  adapt: (config: ConfigObject) => ConfigObject = (config) => config,
): void {
  describe('on the embedded store', () => suite(useScene(adapt, undefined)));
  describe.skipIf(redisMissing)(`on two gateways with one Redis ${redisMissing ?? ''}`, () => {
    suite(useScene(adapt, startRedis));
  });
}

interface Opened {
  readonly gateways: readonly TestGateway[];
  readonly upstream: LegacyLogin;
  readonly redis: RunningRedis | undefined;
}

function useScene(
  adapt: (config: ConfigObject) => ConfigObject,
  openRedis: (() => Promise<RunningRedis>) | undefined,
): AttackedUsers {
  let opened: Opened | undefined;
  let offset = 0;
  const clock = () => Date.now() + offset;
  const scene = createScene(
    () => {
      if (opened === undefined) throw new Error('The scene is set during a test only.');
      return opened;
    },
    (milliseconds) => {
      offset += milliseconds;
    },
  );
  beforeAll(async () => {
    const upstream = await startLegacyLogin();
    const redis = await openRedis?.();
    const config = adapt({
      ...usersConfig(upstream.origin, clientsUnderAttack(upstream.origin)),
      ...(redis !== undefined && {
        store: { redis: { url: redis.url, commandTimeout: '1s' } },
        encryptionKeys: [{ id: 'e1', key: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }],
      }),
    });
    const gateways: TestGateway[] = [];
    opened = { gateways, upstream, redis };
    for (let count = redis === undefined ? 1 : 2; count > 0; count -= 1)
      gateways.push(await startTestGateway(config, { clock }));
  }, 30_000);
  afterAll(async () => {
    for (const gateway of opened?.gateways ?? []) await gateway.stop();
    await opened?.redis?.stop();
    await opened?.upstream.close();
    opened = undefined;
  });
  beforeEach(() => {
    scene.upstream.reset();
    scene.forget();
  });
  afterEach(async () => {
    if (offset !== 0) await scene.travel(-offset);
  });
  return scene;
}

function createScene(open: () => Opened, move: (milliseconds: number) => void): AttackedUsers {
  let forgotten = 0;
  const linesOf = new WeakMap<RawAnswer, string>();

  function gatewayAt(place: number): TestGateway {
    const gateway = open().gateways.at(place);
    if (gateway === undefined) throw new Error('no gateway');
    return gateway;
  }

  /** Among the newest only, since there are many. */
  async function audited(predicate: (record: AuditRecord) => boolean): Promise<AuditRecord> {
    let found: AuditRecord | undefined;
    await eventually(async () => {
      const page = await scene.first.admin<{ records: AuditRecord[] }>('GET', '/v1/audit?limit=60');
      found = page.records.findLast(predicate);
      return found !== undefined;
    }, 'the audit record');
    if (found === undefined) throw new Error('no such audit record');
    return found;
  }

  const scene: AttackedUsers = {
    get gateways() {
      return open().gateways;
    },
    get first() {
      return gatewayAt(0);
    },
    get last() {
      return gatewayAt(-1);
    },
    get upstream() {
      return open().upstream;
    },
    get redis() {
      return open().redis;
    },
    async send(line, options = {}) {
      const answer = await (options.on ?? scene.first).raw(messageOf(line, options));
      linesOf.set(answer, line.replace(/\?.*/s, ''));
      return answer;
    },
    post(path, parameters, options = {}) {
      const body =
        typeof parameters === 'string'
          ? parameters
          : new URLSearchParams(parameters as Record<string, string>).toString();
      const type = options.fields?.some((field) => /^content-type:/i.test(field)) === true ? [] : [FORM];
      return scene.send(`POST ${path}`, { ...options, body, fields: [...(options.fields ?? []), ...type] });
    },
    logIn(details = {}, options = {}) {
      const { fields = MEANT } = options;
      return scene.send('POST /session', { ...options, fields, body: { ...ANNA, ...details } });
    },
    async session(details, options) {
      const answer = await scene.logIn(details, options);
      return `Cookie: ${SESSION_COOKIE}=${cookieOf(answer, SESSION_COOKIE)}`;
    },
    async tokens(parameters = {}, options = {}) {
      const answer = await scene.post('/oauth/token', { ...PASSWORD_GRANT, ...parameters }, options);
      return tokensOf(answer);
    },
    async travel(milliseconds) {
      move(milliseconds);
      // To the gateways it looks as if their store had been silent, until they hear of it.
      for (const on of open().gateways)
        await eventually(
          async () => (await on.raw(wire('GET /session', ['Cookie: __Host-gatehouse=x']))).status === 401,
          'a gateway that knows its store',
        );
    },
    received() {
      const all = open()
        .upstream.requests.slice(forgotten)
        .map(({ startLine }) => startLine);
      return all
        .map((line) => line.replace(/ HTTP\/1\.1$/, ''))
        .filter((line) => line !== 'POST /api/logout' && line !== 'GET /status');
    },
    forget() {
      forgotten = open().upstream.requests.length;
    },
    async expectRefused(answers, told, recorded, received = []) {
      const all = 'status' in answers ? [answers] : answers;
      expect(all.map(toldBy)).toEqual(all.map(() => told));
      const records: AuditRecord[] = [];
      for (const answer of all) {
        const id = answer.field('gatehouse-decision-id');
        const record = await audited(({ decisionId }) => decisionId === id);
        expect(record).toMatchObject({ event: 'request', status: answer.status });
        expect(['denied', 'failed']).toContain(record.decision);
        const text = `${record.code}: ${record.reason}`;
        if (typeof recorded === 'string') expect(text).toBe(recorded);
        else expect(text).toMatch(recorded);
        records.push(record);
      }
      expect(scene.received()).toEqual(received);
      await scene.expectAlive();
      return records.at(-1) ?? Promise.reject(new Error('nothing was refused'));
    },
    async expectAdmitted(answer, status, received = []) {
      expect(toldBy(answer)).toBe(String(status));
      // Who is admitted is told no decision id.
      const record = await audited(
        (each) => each.decision === 'admitted' && `${each.method} ${each.path}` === linesOf.get(answer),
      );
      expect(record).toMatchObject({ event: 'request', code: 'admitted', status });
      expect(scene.received()).toEqual(received);
      await scene.expectAlive();
      return record;
    },
    async expectAlive() {
      for (const on of open().gateways) expect((await scene.send('GET /status', { on })).status).toBe(200);
      scene.forget();
    },
  };
  return scene;
}

function messageOf(line: string, { fields = [], body, host = 'acme.gw.test' }: SendOptions): string {
  if (body === undefined) return wire(line, fields, { host });
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
  const bytes = Buffer.from(isRaw ? body : JSON.stringify(body));
  const hasType = fields.some((field) => /^content-type:/i.test(field));
  const type = hasType ? [] : ['Content-Type: application/json'];
  const all = [...fields, ...type, `Content-Length: ${bytes.length}`];
  return wire(line, all, { host, body: bytes.toString('latin1') });
}

export const PASSWORD_GRANT = {
  grant_type: 'password',
  client_id: 'desktop',
  username: ANNA.username,
  password: ANNA.password,
} as const;

/** Status, and the code of the refusal, be it a problem or an error of OAuth. */
export function toldBy(answer: RawAnswer): string {
  if (answer.status < 400 || answer.field('content-type') !== 'application/json') return outcomeOf(answer);
  return `${answer.status} ${memberOf(answer, 'error')}`;
}

/** A text of a JSON answer; empty: there is no such member. */
export function memberOf(answer: RawAnswer, name: string): string {
  const value: unknown = (JSON.parse(answer.body.toString()) as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : '';
}

export function tokensOf(answer: RawAnswer): Tokens {
  if (answer.status !== 200) throw new Error(`no tokens: ${answer.startLine} ${answer.body.toString()}`);
  return { access: memberOf(answer, 'access_token'), refresh: memberOf(answer, 'refresh_token') };
}

export const bearer = (token: string): string => `Authorization: Bearer ${token}`;
export const refreshWith = (token: string, client = 'desktop') => ({
  grant_type: 'refresh_token',
  client_id: client,
  refresh_token: token,
});
