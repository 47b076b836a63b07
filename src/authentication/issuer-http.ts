import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import { checkAlternativeNames } from '../base/server-identity.ts';
import { type JsonObject, parseStrictJson } from './strict-json.ts';

/** Asks the endpoints of one issuer. Its own connections, so that a slow issuer delays no other. */
export interface IssuerHttp {
  /** The JSON object that the endpoint answers 200 with. Anything else throws, with a message that quotes no answer. */
  getJson(url: string): Promise<JsonObject>;
  postForm(url: string, authorization: string, form: URLSearchParams): Promise<JsonObject>;
  close(): Promise<void>;
}

export interface IssuerHttpOptions {
  /** PEM file of the authorities to trust instead of the system's. */
  readonly caFile: string | undefined;
  /** From the start of a request to the end of its answer. Default: 5 s. */
  readonly timeoutMilliseconds?: number;
}

const MAX_ANSWER_BYTES = 1024 * 1024;
const CONNECT_TIMEOUT = 3_000;
const TIMEOUT = 5_000;
const MAX_CONNECTIONS = 64;

/** Throws if the authority file cannot be read: never falls back to other authorities. */
export function createIssuerHttp({ caFile, timeoutMilliseconds = TIMEOUT }: IssuerHttpOptions): IssuerHttp {
  const agent = new Agent({
    connect: {
      rejectUnauthorized: true,
      checkServerIdentity: checkAlternativeNames,
      timeout: CONNECT_TIMEOUT,
      ...(caFile !== undefined && { ca: readAuthorities(caFile) }),
    },
    connections: MAX_CONNECTIONS,
    headersTimeout: timeoutMilliseconds,
    bodyTimeout: timeoutMilliseconds,
    maxResponseSize: MAX_ANSWER_BYTES,
  });

  async function ask(url: string, options: Parameters<typeof request>[1]): Promise<JsonObject> {
    const { statusCode, body } = await request(url, {
      ...options,
      dispatcher: agent,
      // undici follows no redirect by itself; one is an answer other than 200.
      signal: AbortSignal.timeout(timeoutMilliseconds),
    });
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`${url} answered ${statusCode}`);
    }
    const answer = parseStrictJson(new Uint8Array(await body.arrayBuffer()));
    if (!answer.ok) throw new Error(`the answer of ${url} ${answer.error}`);
    return answer.value;
  }

  return {
    getJson: (url) => ask(url, { method: 'GET', headers: { accept: 'application/json' } }),
    postForm: (url, authorization, form) =>
      ask(url, {
        method: 'POST',
        headers: {
          accept: 'application/json',
          authorization,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: form.toString(),
      }),
    close: () => agent.destroy(),
  };
}

function readAuthorities(file: string): string {
  const pem = readFileSync(file, 'utf8');
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error(`${file} holds no PEM certificate`);
  return pem;
}
