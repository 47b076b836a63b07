import type { EpochMilliseconds } from '../base/clock.ts';
import type { ForwardedRequest, RequestBody } from '../upstream/upstream.ts';
import type { Admitted } from './admit.ts';
import type { AdmissionRequest } from './find-route.ts';
import { createForwardedFields } from './forwarded-fields.ts';
import type { Forwarding } from './runtime.ts';

/** An admitted request as the upstream is to get it. */
export function createForwardedRequest(
  admitted: Admitted,
  request: AdmissionRequest,
  forwarding: Forwarding,
  now: EpochMilliseconds,
  parts: {
    readonly body: RequestBody;
    /** Sec-WebSocket-Accept of its handshake, if it is one. */
    readonly accept: string | undefined;
    readonly eventStreamBegan: (end: () => void) => void;
  },
): ForwardedRequest {
  const { route, target } = admitted;
  const { method, origin } = request;
  const path = forwarding.basePath === '' ? admitted.path : forwarding.basePath + admitted.path;
  const sent = { path, query: target.query };
  return {
    method,
    target: target.query === '' && !request.target.includes('?') ? path : `${path}?${target.query}`,
    fieldsFor: createForwardedFields(admitted, request.fields, origin, forwarding, sent, method, now),
    body: parts.body,
    tenant: admitted.tenant?.id,
    publicOrigin: `${origin.scheme}://${origin.host ?? admitted.authority.host}`,
    strippedPrefix: route.stripPrefix,
    timeouts: route.timeouts,
    webSocketAccept: parts.accept,
    variesBy: admitted.principal === undefined ? undefined : forwarding.variesBy,
    eventStreamBegan: parts.eventStreamBegan,
  };
}
