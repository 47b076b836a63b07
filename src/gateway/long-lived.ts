import type { EpochMilliseconds } from '../base/clock.ts';
import type { Settings } from '../config/schema/config.ts';
import type { ForwardOutcome } from '../upstream/upstream.ts';
import type { Admitted } from './admit.ts';
import type { ClosingCause, LiveConnection } from './live-connections.ts';
import type { OpenRequest } from './open-requests.ts';
import type { ExchangeContext, Reception } from './reception.ts';
import { type RequestEnd, recordDecision } from './records.ts';
import { openTunnel, type TunnelEnd } from './web-socket-tunnel.ts';

/** What a long-lived connection is held to. */
function holderOf(admitted: Admitted): Pick<LiveConnection, 'principals' | 'tenant'> {
  const { principal, clientPrincipal, tenant } = admitted;
  return { principals: [principal ?? [], clientPrincipal ?? []].flat(), tenant: tenant?.id };
}

/** An event stream, held to what admitted it. */
export function createLiveStream(
  admitted: Admitted,
  admittedAt: EpochMilliseconds,
  close: (cause: ClosingCause) => void,
): LiveConnection {
  return { kind: 'event_stream', ...holderOf(admitted), admittedAt, close };
}

/** What the gateway closed after it had admitted it is recorded as denied, unless nothing was wrong with it. */
export function decisionOf(code: ClosingCause['code']): 'admitted' | 'denied' {
  return code === 'admitted' ? 'admitted' : 'denied';
}

/** A request whose upstream took the handshake. */
export interface Switching {
  /** As if it had ended with the 101. */
  readonly begun: RequestEnd;
  /** By `performance.now()`. */
  readonly startedAt: number;
  readonly admitted: Admitted;
  readonly outcome: Extract<ForwardOutcome, { readonly kind: 'switched' }>;
  readonly upgrade: Reception['upgrade'];
  readonly open: OpenRequest | undefined;
}

/**
 * To the metrics the request is over; its one audit record is written when the WebSocket ends, with how and when it did.
 * From here on nothing of the request is held but what that record needs.
 */
export function switchToWebSocket(
  { begun, startedAt, admitted, outcome, upgrade, open }: Switching,
  { audit, logging }: Pick<Settings, 'audit' | 'logging'>,
  context: ExchangeContext,
): void {
  if (upgrade === undefined) throw new Error('nobody asked for the upgrade');
  context.metrics.requestFinished(admitted.route.id, 'admitted', 101, begun.durationSeconds);
  openTunnel({
    client: upgrade.take(),
    upstream: outcome.socket,
    head: upgrade.head,
    fields: outcome.fields,
    ...holderOf(admitted),
    admittedAt: begun.at,
    live: context.live,
    ended(end) {
      if (open !== undefined) context.openRequests.leave(open);
      recordDecision(tunnelEnd(begun, startedAt, end), { audit, logging }, context);
    },
  });
}

function tunnelEnd(begun: RequestEnd, startedAt: number, end: TunnelEnd): RequestEnd {
  const durationSeconds = (performance.now() - startedAt) / 1e3;
  const after = `after ${durationSeconds.toFixed(1)} s`;
  if (typeof end === 'string') return { ...begun, durationSeconds, reason: `the ${end} ended it ${after}` };
  const { code, detail } = end;
  return { ...begun, durationSeconds, decision: decisionOf(code), code, reason: `${detail}, ${after}` };
}
