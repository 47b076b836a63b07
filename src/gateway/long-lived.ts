import type { Admitted } from './admit.ts';
import type { ClosingCause, LiveConnection } from './live-connections.ts';
import { type Recorder, type RequestEnd, recordDecision } from './records.ts';
import type { TunnelEnd } from './web-socket-tunnel.ts';

/** What a long-lived connection is held to. */
export function holderOf(admitted: Admitted): Pick<LiveConnection, 'principals' | 'tenant'> {
  const { principal, clientPrincipal, tenant } = admitted;
  return { principals: [principal ?? [], clientPrincipal ?? []].flat(), tenant: tenant?.id };
}

/** What the gateway closed after it had admitted it is recorded as denied, unless nothing was wrong with it. */
export function decisionOf(cause: ClosingCause | undefined): 'admitted' | 'denied' {
  return cause === undefined || cause.code === 'admitted' ? 'admitted' : 'denied';
}

/** The one audit record of a WebSocket: of the handshake, with how and when it ended. `begun`: as if it had ended with the 101. */
export function recordTunnelEnd(
  begun: RequestEnd,
  startedAt: number,
  end: TunnelEnd,
  settings: Parameters<typeof recordDecision>[1],
  recorder: Recorder,
): void {
  const durationSeconds = (performance.now() - startedAt) / 1e3;
  const after = `after ${durationSeconds.toFixed(1)} s`;
  if (typeof end === 'string') {
    recordDecision({ ...begun, durationSeconds, reason: `the ${end} ended it ${after}` }, settings, recorder);
    return;
  }
  const reason = `${end.detail}, ${after}`;
  recordDecision(
    { ...begun, durationSeconds, decision: decisionOf(end), code: end.code, reason },
    settings,
    recorder,
  );
}
