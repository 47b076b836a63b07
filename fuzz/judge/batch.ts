import type { FuzzCase, Surface } from '../generate/case.ts';
import { valuesOf } from '../read/grammar.ts';
import { type Message, readRequests } from '../read/request.ts';
import type { Heard } from '../scene/connection.ts';
import { ADMIN_TOKEN } from '../scene/credentials.ts';
import type { Arrivals } from '../scene/upstream.ts';
import { faultInForwarded } from './forwarded.ts';
import { faultInPassedOn, type HeardAnswer, hear } from './heard.ts';
import type { Model } from './model.ts';

/** A promise that was broken. */
export interface Fault {
  /** Absent: of the batch as a whole. */
  readonly caseId?: number;
  readonly fault: string;
}

export interface Verdict {
  readonly faults: readonly Fault[];
  /** Requests that were clear, and those of them that an upstream got or a check allowed. */
  readonly clear: number;
  readonly admitted: number;
}

export interface PlayedCase {
  readonly played: FuzzCase;
  readonly heard: Heard;
}

interface Sent {
  readonly caseId: number;
  readonly message: Message;
  readonly arrivals: Arrivals['requests'][number][];
}

const STRANGERS: ReadonlySet<Surface> = new Set(['public', 'endpoints']);

/** The login that `/session` asks of the upstream is the gateway's own request. */
const LOGIN = 'POST /login';

/** Judges what a batch of connections sent, what arrived, and what was answered. */
export function judgeBatch(
  cases: readonly PlayedCase[],
  { requests, unclear }: Arrivals,
  model: Model,
): Verdict {
  const faults: Fault[] = unclear.map((fault) => ({ fault: `the upstream got ${fault}` }));
  const read = cases.map(({ played, heard }) => ({ played, heard, reading: readRequests(bytesOf(played)) }));
  const sent = read.flatMap(({ played, reading }) =>
    reading.messages.map((message): Sent => ({ caseId: played.id, message, arrivals: [] })),
  );
  const byLine = Map.groupBy(sent, ({ message }) => lineOf(message));
  for (const arrival of requests) {
    const line = lineOf(arrival.message);
    if (line === LOGIN) continue;
    const candidates = byLine.get(line) ?? [];
    const verdicts = candidates.map((candidate) => ({
      candidate,
      // An answer that broke lets a request that changes nothing be sent once more.
      fault:
        candidate.arrivals.length > 0 && !mayComeAgain(candidate)
          ? 'it arrived twice'
          : faultInForwarded(arrival.message, candidate.message, model),
    }));
    const fitting = verdicts.find(({ fault }) => fault === undefined);
    fitting?.candidate.arrivals.push(arrival);
    if (fitting !== undefined) continue;
    const [first] = verdicts;
    faults.push({
      ...(first !== undefined && { caseId: first.candidate.caseId }),
      fault: `${line} arrived: ${first?.fault ?? 'nobody sent it'}`,
    });
  }
  const arrivalsOf = new Map(sent.map((each) => [each.message, each.arrivals]));
  let allowed = 0;
  for (const { played, heard, reading } of read) {
    const hearing = hear(heard, reading, STRANGERS.has(played.surface) ? 'strangers' : 'operators');
    if (hearing.kind === 'fault') {
      faults.push({
        caseId: played.id,
        fault: `${hearing.fault}; heard ${JSON.stringify(heard.text.slice(0, 2_000))}`,
      });
      continue;
    }
    for (const each of hearing.answers) {
      const arrivals = each.message === undefined ? [] : (arrivalsOf.get(each.message) ?? []);
      const fault = faultInPassedOn(each, arrivals) ?? faultOnSurface(played, each, model);
      if (fault !== undefined) faults.push({ caseId: played.id, fault });
      if (played.surface === 'check' && each.answer.status === 200) allowed += 1;
    }
  }
  const admitted = sent.filter(({ arrivals }) => arrivals.length > 0).length + allowed;
  return { faults, clear: sent.length, admitted };
}

function bytesOf({ steps }: FuzzCase): string {
  return steps.map((step) => (step.kind === 'send' ? step.text : '')).join('');
}

function lineOf({ method, target }: Message): string {
  return `${method} ${target}`;
}

function mayComeAgain({ message, arrivals }: Sent): boolean {
  const isHostile = message.target.startsWith('/hostile/');
  return (
    isHostile && arrivals.length === 1 && ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'].includes(message.method)
  );
}

function faultOnSurface({ surface }: FuzzCase, heard: HeardAnswer, model: Model): string | undefined {
  if (surface === 'check') return faultInCheck(heard, model);
  if (surface !== 'admin' || heard.message === undefined || heard.answer.status >= 300) return undefined;
  const [authorization = '', ...others] = valuesOf(heard.message.fields, 'authorization');
  const isKnown = others.length === 0 && authorization.replace(/^bearer +/i, '') === ADMIN_TOKEN;
  return isKnown ? undefined : 'administration without the token';
}

const IDENTITY = ['x-tenant-id', 'x-user-id', 'x-gatehouse-assertion'] as const;

/** What a proxy in front is told must speak of every identity field, and of the tenant of these very credentials. */
function faultInCheck({ answer, message }: HeardAnswer, model: Model): string | undefined {
  if (answer.status !== 200 || message === undefined) return undefined;
  const present = IDENTITY.map((name) => valuesOf(answer.fields, name));
  if (present.some((values) => values.length !== 1))
    return 'a check was allowed without every identity field';
  const tenant = present[0]?.[0] ?? '';
  if (tenant === '')
    return /\/public\//.test(originalOf(message)) ? undefined : 'a check was allowed without a tenant';
  const known = model.tenantOf(message.fields);
  return tenant === known
    ? undefined
    : `a check was allowed for ${tenant}, and the credential is of ${known}`;
}

function originalOf({ target, fields }: Message): string {
  return [target, ...valuesOf(fields, 'x-original-url'), ...valuesOf(fields, 'x-forwarded-uri')].join(' ');
}
