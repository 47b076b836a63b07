import type { FailureBudget } from '../authentication/failure-budget.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { Outage } from '../base/outage.ts';
import { DENY_CODES, type DenyCode } from '../http/deny-codes.ts';
import { type Admission, type Admitted, admit } from './admit.ts';
import type { AdmissionRequest } from './find-route.ts';
import { createForwardedFields } from './forwarded-fields.ts';
import type { Origin } from './peer.ts';
import type { Forwarding, Runtime } from './runtime.ts';

/** A request to be explained: nothing of it is sent anywhere. */
export interface ExplainedRequest {
  readonly method: string;
  /** Absolute http or https URL, as a client would ask for it. */
  readonly url: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Address of the client; 127.0.0.1 by default. */
  readonly peer?: string;
}

/** What the gateway would do, and why. Credentials and signatures are replaced by what they stand for. */
export interface Explanation {
  readonly decision: 'admitted' | 'denied' | 'outage';
  readonly code: 'admitted' | DenyCode;
  readonly status: number | undefined;
  /** The precise reason, which a client is never told. */
  readonly reason: string | undefined;
  /** What each stage proved, in order, up to the one that refused. */
  readonly steps: readonly { readonly name: string; readonly detail: string }[];
  readonly route: string | undefined;
  readonly principal: ExplainedPrincipal | undefined;
  readonly tenant: string | undefined;
  readonly forwarded: ExplainedForwarding | undefined;
}

interface ExplainedPrincipal {
  readonly subject: string;
  readonly credential: string;
  readonly tenants: readonly string[];
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
}

interface ExplainedForwarding {
  readonly upstream: string;
  readonly target: string;
  readonly requestLine: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** Whoever may explain may try any credential. */
const NO_BUDGET: FailureBudget = {
  isExhausted: () => undefined,
  recordFailure: () => undefined,
  turn: () => undefined,
  beginCheck: () => undefined,
  endCheck: () => undefined,
};

/** Runs the engine as a request would, with its own budget of failures, and shows what would leave. */
export async function explain(
  request: ExplainedRequest,
  runtime: Runtime,
  now: EpochMilliseconds,
): Promise<Explanation> {
  const steps: { name: string; detail: string }[] = [];
  const admission = toAdmissionRequest(request, runtime);
  const decision = await admit(
    admission,
    {
      ...runtime,
      failureBudget: NO_BUDGET,
      rateLimits: { ...runtime.rateLimits, take: runtime.rateLimits.judge },
    },
    now,
    { step: (name, detail) => void steps.push({ name, detail }) },
  );
  return describe(decision, admission, runtime, now, steps);
}

function toAdmissionRequest(request: ExplainedRequest, runtime: Runtime): AdmissionRequest {
  const match = /^(https?):\/\/([^/?#]+)(.*)$/is.exec(request.url);
  const [, scheme = 'http', authority = '', rest = ''] = match ?? [];
  const target = rest === '' ? '/' : rest.startsWith('?') ? `/${rest}` : rest;
  const hasHost = request.fields.some(([name]) => name.toLowerCase() === 'host');
  const raw = [...(hasHost ? [] : ['Host', authority]), ...request.fields.flat()];
  const fields = runtime.fieldReader.read(raw);
  const origin: Origin = {
    address: request.peer ?? '127.0.0.1',
    scheme: scheme.toLowerCase() === 'https' ? 'https' : 'http',
    host: fields.values[0],
  };
  return { method: request.method, target, fields, origin };
}

function describe(
  decision: Admission,
  request: AdmissionRequest,
  runtime: Runtime,
  now: EpochMilliseconds,
  steps: Explanation['steps'],
): Explanation {
  const { facts } = decision;
  const { principal } = facts;
  const known = {
    steps,
    route: facts.route?.id,
    principal:
      principal === undefined
        ? undefined
        : {
            subject: principal.subject,
            credential: principal.credentialId,
            tenants: principal.tenants,
            scopes: [...principal.scopes],
            roles: [...principal.roles],
          },
    tenant: facts.tenant,
  };
  if (decision.kind === 'denied')
    return { ...known, ...failure('denied', decision.denial.code, decision.denial.reason) };
  if (decision.kind === 'outage')
    return { ...known, ...failure('outage', decision.outage.code, decision.outage.message) };
  try {
    const forwarded = describeForwarding(decision, request, runtime, now);
    return {
      ...known,
      decision: 'admitted',
      code: 'admitted',
      status: undefined,
      reason: undefined,
      forwarded,
    };
  } catch (error) {
    if (!(error instanceof Outage)) throw error;
    return { ...known, ...failure('outage', error.code, error.message) };
  }
}

function failure(decision: 'denied' | 'outage', code: DenyCode, reason: string) {
  return { decision, code, status: DENY_CODES[code].status, reason, forwarded: undefined } as const;
}

function describeForwarding(
  admitted: Admitted,
  request: AdmissionRequest,
  runtime: Runtime,
  now: EpochMilliseconds,
): ExplainedForwarding {
  const name = admitted.route.upstream;
  const forwarding = runtime.forwardings.get(name);
  const [target] = forwarding?.upstream.targetsOf(admitted.tenant?.id) ?? [];
  if (forwarding === undefined || target === undefined) throw new Error(`upstream ${name} has no target`);
  const path = forwarding.basePath + admitted.path;
  const { query } = admitted.target;
  const make = createForwardedFields(
    admitted,
    request.fields,
    request.origin,
    forwarding,
    { path, query },
    request.method,
    now,
  );
  const flat = make(target);
  const fields: [string, string][] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const field = flat[index] ?? '';
    fields.push([field, showValue(field, flat[index + 1] ?? '', name, forwarding, runtime)]);
  }
  return {
    upstream: name,
    target: target.origin,
    requestLine: `${request.method} ${path}${query === '' ? '' : `?${query}`}`,
    fields,
  };
}

/** An assertion is shown as its claims, and what proves something or opens something is not shown at all. */
function showValue(
  field: string,
  value: string,
  upstream: string,
  forwarding: Forwarding,
  runtime: Runtime,
): string {
  const settings = runtime.settings.upstreams[upstream];
  const name = field.toLowerCase();
  if (name === settings?.identity.assertion?.field.toLowerCase()) {
    const payload = value.split('.')[1] ?? '';
    return `JWS of ${Buffer.from(payload, 'base64url').toString('utf8')}`;
  }
  const secretFields = Object.keys(settings?.credentials.fields ?? {}).map((each) => each.toLowerCase());
  const isSecret =
    secretFields.includes(name) || name === 'authorization' || name === 'cookie' || name === 'signature';
  const isPassed = forwarding.passesCredential && name === runtime.settings.apiKeys.header.toLowerCase();
  return isSecret || isPassed ? '[secret]' : value;
}
