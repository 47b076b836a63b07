import { type Denial, denial } from '../authorization/denial.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Endpoint, EndpointCall } from '../endpoints/endpoint.ts';
import { originOf } from '../http/host.ts';
import { isRepeated, SLOTS } from '../http/received-fields.ts';
import { parseTarget } from '../http/target.ts';
import type { PaceRules } from '../upstream/body-pace.ts';
import type { ReceivedMessage } from '../upstream/client-side.ts';
import { gatherBody } from '../upstream/request-body.ts';
import { nextDecisionId } from './decision-id.ts';
import type { AdmissionRequest } from './find-route.ts';
import { type Framing, requestBodyOf } from './framing.ts';
import type { Runtime } from './runtime.ts';

/** A call whose head is judged; its body is still to be read. */
export type CallHead = Omit<EndpointCall, 'body'>;

/** The judgements of the pipeline that need no route: Host, target, tenant host, method. */
export function judgeCall(
  endpoint: Endpoint,
  request: AdmissionRequest,
  received: ReceivedMessage,
  runtime: Pick<Runtime, 'readAuthority' | 'tenants' | 'limits' | 'rateLimits'>,
  now: EpochMilliseconds,
): Result<CallHead, Denial> {
  const { fields, method, origin } = request;
  const authority =
    origin.host === undefined || isRepeated(fields, SLOTS.host)
      ? undefined
      : runtime.readAuthority(origin.host);
  if (authority === undefined)
    return err(denial('host_invalid', 'Host is missing, given twice, or no host name'));
  if (request.target.length > runtime.limits.target)
    return err(denial('target_too_long', 'the request target is over the limit'));
  const target = parseTarget(request.target);
  if (!target.ok) return err(denial('path_not_canonical', target.error));
  const recognised = runtime.tenants.recogniseHost(authority.host);
  if (recognised.kind === 'unknownTenant')
    return err(denial('tenant_not_found', 'the host names a tenant that does not exist'));
  const isAllowed =
    endpoint.methods.includes(method) || (method === 'HEAD' && endpoint.methods.includes('GET'));
  if (!isAllowed)
    return err(denial('method_not_allowed', `${endpoint.id} has no ${method}`, { allow: endpoint.methods }));
  const limited = runtime.rateLimits.take(
    runtime.rateLimits.ofPeer(undefined, origin.address, now),
    endpoint.id,
    now,
  );
  if (limited !== undefined) return err(limited);
  const read = readRawFields(received.rawHeaders);
  return ok({
    method,
    path: target.value.path,
    query: target.value.query,
    host: authority.host,
    scheme: origin.scheme,
    origin: originOf(origin.scheme, authority),
    hostTenant: recognised.kind === 'tenant' ? recognised.id : undefined,
    peer: origin.address,
    field: (name) => read.get(name)?.value,
    isRepeated: (name) => read.get(name)?.isRepeated === true,
    forwardable: fields.forwardable,
    now,
    decisionId: nextDecisionId(),
  });
}

/** Reads the body to its end. The refusal says whether it was too long or too slow. */
export function readCallBody(
  endpoint: Endpoint,
  received: ReceivedMessage,
  framing: Framing,
  pace: PaceRules,
): Promise<Result<Buffer, Denial>> {
  const body = requestBodyOf(framing, endpoint.bodyLimit, pace);
  if (body === undefined)
    return Promise.resolve(
      err(
        denial('body_too_large', `Content-Length is over the ${endpoint.bodyLimit} bytes of ${endpoint.id}`),
      ),
    );
  if (body.kind === 'none') return Promise.resolve(ok(Buffer.alloc(0)));
  return new Promise((resolve) => {
    gatherBody(
      received,
      body,
      ({ code, message }) =>
        resolve(err(denial(code === 'body_too_large' ? 'body_too_large' : 'request_timeout', message))),
      (bytes) => resolve(ok(bytes)),
    );
  });
}

function readRawFields(
  raw: readonly string[],
): ReadonlyMap<string, { readonly value: string; readonly isRepeated: boolean }> {
  const read = new Map<string, { readonly value: string; readonly isRepeated: boolean }>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase();
    const earlier = read.get(name);
    read.set(
      name,
      earlier === undefined
        ? { value: raw[index + 1] ?? '', isRepeated: false }
        : { value: earlier.value, isRepeated: true },
    );
  }
  return read;
}
