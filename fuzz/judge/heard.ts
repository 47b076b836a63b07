import { DENY_CODES } from '../../src/http/deny-codes.ts';
import { ECHO } from '../generate/answer.ts';
import { valuesOf } from '../read/grammar.ts';
import type { Message, Reading } from '../read/request.ts';
import { type Answer, type ReadAnswer, readAnswer } from '../read/response.ts';
import type { Heard } from '../scene/connection.ts';
import type { Arrival } from '../scene/upstream.ts';

export interface HeardAnswer {
  readonly answer: Answer;
  /** The request that it is the answer to; `undefined`: to what could not be read as one. */
  readonly message: Message | undefined;
}

export type Hearing =
  | { readonly kind: 'answers'; readonly answers: readonly HeardAnswer[] }
  | { readonly kind: 'fault'; readonly fault: string };

/** Splits what a client heard into the answers to its requests; a strict client must be able to. */
export function hear(
  { text, ending }: Heard,
  { messages, unclear }: Reading,
  audience: 'strangers' | 'operators',
): Hearing {
  if (ending === 'never') return { kind: 'fault', fault: 'the connection was never closed' };
  const answers: HeardAnswer[] = [];
  for (let at = 0, index = 0; at < text.length; index += 1) {
    const message = messages[index];
    if (index > messages.length) return { kind: 'fault', fault: 'there are more answers than requests' };
    const read = readNext(text, at, message);
    if (read.kind === 'unclear')
      return { kind: 'fault', fault: `answer ${index} cannot be read: ${read.reason}` };
    // Cut off within a head: only ever by a connection that broke.
    if (read.kind === 'partial')
      return ending === 'reset' || !read.isBegun
        ? { kind: 'answers', answers }
        : {
            kind: 'fault',
            fault: `answer ${index} has half a head: ${JSON.stringify(text.slice(at, at + 300))}`,
          };
    // A check has no use for a body, however it is framed, and closes the connection behind it.
    if (
      message === undefined &&
      read.answer.status < 400 &&
      (audience === 'strangers' || !isLast(read.answer))
    )
      return {
        kind: 'fault',
        fault: `${read.answer.status} to what can be read in two ways (${unclear ?? 'nothing'})`,
      };
    const fault = faultInOwn(read.answer, message);
    if (fault !== undefined) return { kind: 'fault', fault: `answer ${index}: ${fault}` };
    answers.push({ answer: read.answer, message });
    if (read.kind === 'broken' || read.answer.status === 101) break;
    at = read.end;
    // Behind the last answer node:http may say that it could not read on: not where strangers could make use of it.
    if (audience === 'operators' && read.answer.status === 400) break;
    if (isLast(read.answer) && at < text.length)
      return {
        kind: 'fault',
        fault: `bytes behind the last answer: ${JSON.stringify(text.slice(at, at + 300))}`,
      };
  }
  return { kind: 'answers', answers };
}

/** What was no request to the gateway has no method for it: its refusal of a HEAD has a body then, the last thing that it says. */
function readNext(text: string, at: number, message: Message | undefined): ReadAnswer {
  const read = readAnswer(text, at, message?.method ?? 'GET');
  if (message?.method !== 'HEAD' || read.kind !== 'read' || read.end === text.length) return read;
  return isRefusal(read.answer) && isLast(read.answer) ? readAnswer(text, at, 'GET') : read;
}

function isLast({ fields }: Answer): boolean {
  return valuesOf(fields, 'connection').join().toLowerCase() === 'close';
}

/** Made by the gateway, not passed on: what it says of itself must be declared. */
export function isRefusal({ fields }: Answer): boolean {
  return (
    valuesOf(fields, 'gatehouse-decision-id').length === 1 &&
    valuesOf(fields, ECHO.toLowerCase()).length === 0
  );
}

function faultInOwn(answer: Answer, message: Message | undefined): string | undefined {
  if (!isRefusal(answer) || message?.method === 'HEAD' || !answer.isWhole) return undefined;
  if (valuesOf(answer.fields, 'content-type')[0] !== 'application/problem+json') return undefined;
  const problem = JSON.parse(answer.body) as { readonly code?: string; readonly status?: number };
  const entry = Object.entries(DENY_CODES).find(([code]) => code === problem.code)?.[1];
  if (entry === undefined) return `the code ${JSON.stringify(problem.code)} is none`;
  if (problem.code === 'internal_error') return 'a fault of the gateway';
  return problem.status === answer.status || problem.status === entry.status ? undefined : 'two statuses';
}

/** Whether what a client heard is what the upstream answered to this very request, or nothing of it. */
export function faultInPassedOn(
  { answer, message }: HeardAnswer,
  arrivals: readonly Arrival[],
): string | undefined {
  if (message === undefined || isRefusal(answer)) return undefined;
  const echo = echoOf(answer);
  if (arrivals.length === 0)
    return echo === '' ? undefined : `the answer to ${echo}, and its request never arrived`;
  const faults = arrivals.map((arrival) => faultAgainst(answer, message, arrival));
  return faults.includes(undefined) ? undefined : faults[0];
}

function faultAgainst(answer: Answer, message: Message, { script }: Arrival): string | undefined {
  if (answer.status === 502 || answer.status === 504) return undefined;
  const read = readAnswer(script.segments.join(''), 0, message.method);
  if (read.kind === 'partial') return 'an answer, and the upstream sent half a head';
  if (read.kind === 'unclear') return `an answer, and that of the upstream cannot be read: ${read.reason}`;
  const given = read.answer;
  if (given.status !== answer.status) return `status ${answer.status}, and the upstream said ${given.status}`;
  if (echoOf(given) !== echoOf(answer)) return `the answer to ${echoOf(answer)}, not to ${echoOf(given)}`;
  const endsInOrder = read.kind === 'read' && (!given.endsWithConnection || script.ending === 'end');
  if (!endsInOrder)
    return answer.isWhole && !answer.endsWithConnection && answer.body !== '' && message.method !== 'HEAD'
      ? 'a whole answer, and that of the upstream is not'
      : undefined;
  // A client of HTTP/1.0 that sends garbage behind its request may be cut off, and cannot know.
  if (!answer.isWhole || answer.endsWithConnection)
    return given.body.startsWith(answer.body)
      ? undefined
      : `another body: ${JSON.stringify(answer.body.slice(-300))}`;
  return given.body === answer.body ? undefined : 'another body than the upstream sent';
}

function echoOf({ fields }: Answer): string {
  return valuesOf(fields, ECHO.toLowerCase()).join();
}
