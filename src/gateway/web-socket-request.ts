import { createHash } from 'node:crypto';
import { type Denial, denial } from '../authorization/denial.ts';
import { err, ok, type Result } from '../base/result.ts';
import { type Handshake, readHandshake } from '../http/web-socket-handshake.ts';
import type { ReceivedMessage } from '../upstream/client-side.ts';
import { findRoute } from './find-route.ts';
import { readOrigin } from './peer.ts';
import type { Runtime } from './runtime.ts';

/** RFC 6455 §1.3. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

function handshakeOf(received: ReceivedMessage): Handshake {
  return readHandshake(received.method ?? '', received.httpVersion, received.rawHeaders);
}

/**
 * Whether the connection of a request that asks for an upgrade stops being HTTP: only for a sound handshake to a route that has
 * WebSockets. Every other request stays one, whatever it asks for. Nothing is decided by that.
 */
export function takesConnection(
  received: ReceivedMessage,
  runtime: Pick<
    Runtime,
    'fieldReader' | 'trustedProxies' | 'readAuthority' | 'router' | 'tenants' | 'limits'
  >,
  peerAddress: string,
  isTls: boolean,
): boolean {
  if (handshakeOf(received).kind !== 'valid') return false;
  const fields = runtime.fieldReader.read(received.rawHeaders);
  const origin = readOrigin(fields, peerAddress, isTls, runtime.trustedProxies);
  if (!origin.ok) return false;
  const request = {
    method: received.method ?? '',
    target: received.url ?? '',
    fields,
    origin: origin.value,
  };
  const routed = findRoute(request, runtime);
  return routed.ok && routed.value.route.webSocketOrigins !== undefined;
}

const ORDINARY: Result<undefined, never> = ok(undefined);

/**
 * What an admitted request is, on a route with or without WebSockets: `undefined`, an ordinary one; a text, the Sec-WebSocket-Accept that
 * belongs to its handshake. `isTaken`: its connection is ours to switch.
 */
export function judgeHandshake(
  received: ReceivedMessage,
  origins: ReadonlySet<string> | undefined,
  isTaken: boolean,
): Result<string | undefined, Denial> {
  if (origins === undefined) return ORDINARY;
  const handshake = handshakeOf(received);
  switch (handshake.kind) {
    case 'none':
      return ORDINARY;
    case 'invalid':
      return err(denial('handshake_invalid', handshake.reason));
    case 'otherVersion':
      return err(denial('websocket_version_unsupported', handshake.reason));
    case 'valid':
      break;
  }
  if (!isTaken)
    return err(denial('handshake_invalid', 'requests before it on the connection are not answered yet'));
  const { origin } = received.headers;
  if (origin !== undefined && !origins.has(origin))
    return err(denial('origin_forbidden', 'the route does not list the Origin'));
  return ok(
    createHash('sha1')
      .update(handshake.key + ACCEPT_SUFFIX)
      .digest('base64'),
  );
}
