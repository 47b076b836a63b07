import type { EpochMilliseconds } from '../base/clock.ts';
import type { ForwardedRequest, RequestBody } from '../upstream/upstream.ts';
import type { Admitted } from './admit.ts';
import { answerCookiesFor, type SessionKeeper } from './answer-cookies.ts';
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
    readonly sessionKeeper: SessionKeeper;
    readonly crossOrigin: readonly string[] | undefined;
    readonly eventStreamBegan: (end: () => void) => void;
  },
): ForwardedRequest {
  const { route, query } = admitted;
  const { method, origin } = request;
  const path = forwarding.basePath === '' ? admitted.path : forwarding.basePath + admitted.path;
  const sent = { path, query };
  return {
    method,
    target: query === '' && !keepsMark(admitted, request) ? path : `${path}?${query}`,
    fieldsFor: createForwardedFields(admitted, request.fields, origin, forwarding, sent, method, now),
    body: parts.body,
    tenant: admitted.tenant?.id,
    publicOrigin: `${origin.scheme}://${origin.host ?? admitted.authority.host}`,
    strippedPrefix: route.stripPrefix,
    timeouts: route.timeouts,
    webSocketAccept: parts.accept,
    crossOrigin: parts.crossOrigin,
    rateLimit: admitted.rateLimit,
    answerCookies: answerCookiesFor(admitted, forwarding, path, now, parts.sessionKeeper),
    variesBy: admitted.principal === undefined ? undefined : forwarding.variesBy,
    eventStreamBegan: parts.eventStreamBegan,
  };
}

/** A `?` with nothing behind it is sent as it came; one that had a ticket behind it goes with it. */
function keepsMark({ target }: Admitted, request: AdmissionRequest): boolean {
  return target.query === '' && request.target.includes('?');
}
