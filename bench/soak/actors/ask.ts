import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { PUBLIC_HOST } from '../../load/request.ts';
import { monotonicMs } from '../../measure/clock.ts';
import type { Outcome } from '../judge/rules.ts';

export interface Question {
  readonly port: number;
  /** PEM of who signed the certificate; without it there is no TLS. */
  readonly ca?: string | undefined;
  /** Default: GET. */
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Called once the request is sent: what a client does besides waiting. */
  readonly meanwhile?: (request: ClientRequest) => void;
}

export interface Reply {
  readonly outcome: Outcome;
  readonly body: string;
  readonly cookies: readonly string[];
  readonly sentAt: number;
  readonly answeredAt: number;
}

const PATIENCE_MS = 20_000;
const CODE = /"code":"([a-z_0-9]+)"/;

/** One request on a connection of its own. Never rejects: what is no answer is `cut`. */
export function ask(question: Question): Promise<Reply> {
  const { port, ca, method = 'GET', path, headers = {}, body = '' } = question;
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const sentAt = monotonicMs();
  const settle = (outcome: Outcome, text = '', cookies: readonly string[] = []): void =>
    resolve({ outcome, body: text, cookies, sentAt, answeredAt: monotonicMs() });
  const framing =
    body === ''
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) };
  const all = { Host: PUBLIC_HOST, ...headers, ...framing };
  const options = { host: '127.0.0.1', port, path, method, headers: all, agent: false };
  const onAnswer = (answer: IncomingMessage): void => {
    let text = '';
    answer.setEncoding('latin1').on('data', (piece: string) => (text = (text + piece).slice(0, 10_000)));
    answer.once('end', () =>
      settle(outcomeOf(answer.statusCode ?? 0, text), text, answer.headers['set-cookie']),
    );
    answer.once('error', () => settle('cut'));
  };
  const sent =
    ca === undefined
      ? httpRequest(options, onAnswer)
      : httpsRequest({ ...options, ca, servername: '' }, onAnswer);
  sent.setTimeout(PATIENCE_MS, () => {
    settle('nothing');
    sent.destroy();
  });
  sent.once('error', () => settle('cut'));
  sent.end(body);
  question.meanwhile?.(sent);
  return promise;
}

/** `200`, `503`, or with the deny code, `503 store_unavailable`. */
export function outcomeOf(status: number, body: string): Outcome {
  const code = status >= 400 ? CODE.exec(body)?.[1] : undefined;
  return code === undefined ? String(status) : `${status} ${code}`;
}
