import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ManagedProcess } from './supervisor.ts';

interface Question {
  readonly port: number;
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
}

interface Probe extends Question {
  /** The only body that counts as an answer. */
  readonly expectedBody: string;
  /** Default: 20 s. */
  readonly withinMs?: number;
}

const POLL_MS = 2;
const DEADLINE_MS = 20_000;

/** What the target answers to one request on a connection of its own; `undefined` = it does not listen yet. */
export function ask(
  question: Question,
): Promise<{ readonly status: number; readonly body: string } | undefined> {
  const { promise, resolve } = Promise.withResolvers<{ status: number; body: string } | undefined>();
  const outgoing = request(
    { host: '127.0.0.1', port: question.port, path: question.path, headers: question.fields, agent: false },
    (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', () => resolve(undefined));
    },
  );
  outgoing.on('error', () => resolve(undefined));
  outgoing.end();
  return promise;
}

/** Returns at the first 200 that carries the upstream's bytes. Throws when the process ends or time is up. */
export async function untilReady(managed: ManagedProcess, probe: Probe): Promise<void> {
  const withinMs = probe.withinMs ?? DEADLINE_MS;
  const deadline = performance.now() + withinMs;
  let last = 'nothing';
  while (performance.now() < deadline) {
    const ending = managed.ending();
    if (ending !== undefined) throw new Error(ending);
    const answer = await ask(probe);
    if (answer?.status === 200) {
      if (answer.body === probe.expectedBody) return;
      throw new Error("answered 200 with a body that is not the upstream's");
    }
    if (answer !== undefined) last = String(answer.status);
    await sleep(POLL_MS);
  }
  throw new Error(`no 200 within ${withinMs / 1000} s (last answer: ${last})`);
}
