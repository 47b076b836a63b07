import { readFile } from 'node:fs/promises';
import type { FieldError } from '../admin/problem.ts';
import { CliFailure, usageFailure } from './failure.ts';

export interface AdminClient {
  /** `path` begins with `/v1/`. The answer is trusted to have the shape that the API promises. Throws `CliFailure`. */
  get<T>(path: string, query?: Readonly<Record<string, string | undefined>>): Promise<T>;
  post<T>(path: string, body?: object): Promise<T>;
  patch<T>(path: string, body: object): Promise<T>;
  delete(path: string): Promise<void>;
}

export interface AdminAccess {
  /** Address of the administration API. */
  readonly url: string;
  /** From the command line; before the environment. */
  readonly tokenFile: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_TOKEN_FILE = './data/admin-token';
const TIMEOUT_MILLISECONDS = 30_000;

export function createAdminClient(access: AdminAccess): AdminClient {
  async function call(method: string, path: string, body?: object): Promise<unknown> {
    const url = addressOf(access.url, path);
    const token = await readToken(access);
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        // A redirect would take the token to another place.
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
      });
      text = await response.text();
    } catch (error) {
      throw new CliFailure(`The administration API at ${access.url} cannot be reached (${causeOf(error)}).`);
    }
    const answer = parseJson(text);
    if (response.ok) return answer;
    throw refusalOf(response.status, answer, access.url);
  }

  return {
    async get<T>(path: string, query: Readonly<Record<string, string | undefined>> = {}) {
      const given = Object.entries(query).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      );
      const search = given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
      return (await call('GET', path + search)) as T;
    },
    post: async <T>(path: string, body: object = {}) => (await call('POST', path, body)) as T,
    patch: async <T>(path: string, body: object) => (await call('PATCH', path, body)) as T,
    async delete(path) {
      await call('DELETE', path);
    },
  };
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
