import { readFile } from 'node:fs/promises';
import type { FieldError } from '../admin/problem.ts';
import { definedMembers } from '../base/defined-members.ts';
import { CliFailure, usageFailure } from './failure.ts';

export interface AdminClient {
  /** `path` begins with `/v1/`. The answer is trusted to have the shape that the API promises. Throws `CliFailure`. */
  get<T>(path: string, query?: Readonly<Record<string, string | undefined>>): Promise<T>;
  /** With the entity tag of the answer. */
  getTagged<T>(path: string): Promise<Tagged<T>>;
  post<T>(path: string, body?: object, fields?: RequestFields): Promise<T>;
  patch<T>(path: string, body: object, fields?: RequestFields): Promise<T>;
  delete(path: string, fields?: RequestFields): Promise<void>;
  /** An answer that may be large, as it comes. */
  download(path: string): AsyncIterable<Uint8Array>;
  upload<T>(path: string, content: Blob, type: string): Promise<T>;
}

export interface Tagged<T> {
  readonly value: T;
  readonly etag: string | undefined;
}

/** Further fields of a request; what is undefined is left out. */
type RequestFields = Readonly<Record<string, string | undefined>>;

export interface AdminAccess {
  /** Address of the administration API. */
  readonly url: string;
  /** From the command line; before the environment. */
  readonly tokenFile: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_TOKEN_FILE = './data/admin-token';
const TIMEOUT_MILLISECONDS = 30_000;
/** Of what grows with the store. */
const LONG_TIMEOUT_MILLISECONDS = 3_600_000;

interface Call {
  readonly body?: string | Blob;
  readonly fields?: RequestFields;
  readonly timeout?: number;
}

export function createAdminClient(access: AdminAccess): AdminClient {
  function unreachable(error: unknown): CliFailure {
    return new CliFailure(`The administration API at ${access.url} cannot be reached (${causeOf(error)}).`);
  }

  async function send(method: string, path: string, call: Call): Promise<Response> {
    const { body, fields = {}, timeout = TIMEOUT_MILLISECONDS } = call;
    const url = addressOf(access.url, path);
    const token = await readToken(access);
    const response = await fetch(url, {
      method,
      headers: { ...definedMembers(fields), authorization: `Bearer ${token}` },
      ...(body !== undefined && { body }),
      // A redirect would take the token to another place.
      redirect: 'error',
      signal: AbortSignal.timeout(timeout),
    }).catch((error: unknown) => {
      throw unreachable(error);
    });
    if (response.ok) return response;
    throw refusalOf(response.status, parseJson(await readText(response)), access.url);
  }

  function readText(response: Response): Promise<string> {
    return response.text().catch((error: unknown) => {
      throw unreachable(error);
    });
  }

  async function call<T>(method: string, path: string, parts: Call = {}): Promise<T> {
    return parseJson(await readText(await send(method, path, parts))) as T;
  }

  return {
    get<T>(path: string, query: Readonly<Record<string, string | undefined>> = {}) {
      const given = Object.entries(query).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      );
      const search = given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
      return call<T>('GET', path + search);
    },
    async getTagged<T>(path: string): Promise<Tagged<T>> {
      const response = await send('GET', path, {});
      return {
        value: parseJson(await readText(response)) as T,
        etag: response.headers.get('etag') ?? undefined,
      };
    },
    post: <T>(path: string, body: object = {}, fields?: RequestFields) =>
      call<T>('POST', path, json(body, fields)),
    patch: <T>(path: string, body: object, fields?: RequestFields) =>
      call<T>('PATCH', path, json(body, fields)),
    async delete(path, fields = {}) {
      await call('DELETE', path, { fields });
    },
    async *download(path) {
      const { body } = await send('GET', path, { timeout: LONG_TIMEOUT_MILLISECONDS });
      try {
        if (body !== null) yield* body;
      } catch (error) {
        throw unreachable(error);
      }
    },
    upload: <T>(path: string, content: Blob, type: string) =>
      call<T>('POST', path, {
        body: content,
        fields: { 'content-type': type },
        timeout: LONG_TIMEOUT_MILLISECONDS,
      }),
  };
}

function json(body: object, fields: RequestFields = {}): Call {
  return { body: JSON.stringify(body), fields: { ...fields, 'content-type': 'application/json' } };
}

function addressOf(base: string, path: string): URL {
  const url = URL.canParse(base) ? new URL(base) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw usageFailure(`--admin must be an http:// or https:// URL, and ${JSON.stringify(base)} is not.`);
  }
  return new URL(url.pathname.replace(/\/$/, '') + path, url);
}

/** The token itself never stands on a command line, where every user of the machine could read it. */
async function readToken({ tokenFile, env }: AdminAccess): Promise<string> {
  const inEnvironment = env['GATEHOUSE_ADMIN_TOKEN'];
  if (tokenFile === undefined && inEnvironment !== undefined && inEnvironment !== '') {
    return checkToken(inEnvironment, 'GATEHOUSE_ADMIN_TOKEN');
  }
  const file = tokenFile ?? env['GATEHOUSE_ADMIN_TOKEN_FILE'] ?? DEFAULT_TOKEN_FILE;
  try {
    return checkToken(await readFile(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw new CliFailure(
      `The admin token cannot be read from ${file} (${causeOf(error)}); name its file with --admin-token-file or GATEHOUSE_ADMIN_TOKEN_FILE.`,
    );
  }
}

function checkToken(text: string, source: string): string {
  const token = text.trim();
  if (/^[!-~]+$/.test(token)) return token;
  throw new CliFailure(`${source} does not hold an admin token.`);
}

/** System error codes only: messages of HTTP clients may repeat what was sent. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error.cause !== undefined) return causeOf(error.cause);
  return error.name;
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface ProblemAnswer {
  readonly detail?: unknown;
  readonly errors?: readonly FieldError[];
}

function refusalOf(status: number, answer: unknown, url: string): CliFailure {
  const { detail, errors = [] } = (
    typeof answer === 'object' && answer !== null ? answer : {}
  ) as ProblemAnswer;
  if (typeof detail !== 'string') {
    return new CliFailure(`${url} answered ${status}, and not as the administration API of Gatehouse does.`);
  }
  return new CliFailure(
    detail,
    1,
    errors.map(({ path, message }) => `${path}: ${message}`),
  );
}
