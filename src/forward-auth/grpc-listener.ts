import { createServer, type Socket } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { err } from '../base/result.ts';
import type { ListenPlace } from '../config/schema/scalars.ts';
import { listenOn } from '../gateway/listen.ts';
import { isListed, normaliseAddress } from '../gateway/peer.ts';
import { answerCheck, STRANGER } from './answer-check.ts';
import { checkResponse, readCheck } from './check-grpc.ts';
import { AUTHORIZATION, type CheckMethod, type CheckRequest, type CheckResponse } from './check-messages.ts';
import { plainRefusal } from './dialect.ts';
import { envoyAllowance } from './envoy-dialect.ts';
import type { ForwardAuthOptions } from './forward-auth-listener.ts';

/**
 * More than any field section that Envoy takes (8 MiB): what is too large is to be answered with a refusal, and not with an error that Envoy
 * may be told to let pass.
 */
const LARGEST_CHECK = 16 * 1024 * 1024;

/** What peers have to read the last answer and close. */
const FAREWELL_MILLISECONDS = 500;

const DIALECT = { allow: envoyAllowance, refuse: plainRefusal };

export interface GrpcListener {
  /** 0 for a socket file. */
  readonly port: number;
  /** Takes no more checks; resolves when those that have begun are answered, or this time is over. */
  close(drainMilliseconds: number): Promise<void>;
}

/** `envoy.service.auth.v3.Authorization/Check` over HTTP/2 without TLS. Listens when it resolves. */
export async function openGrpcListener(
  place: ListenPlace,
  { limits, peers, currentRuntime, recorder, clock, loadShedder }: ForwardAuthOptions,
): Promise<GrpcListener> {
  async function answer(request: CheckRequest, peer: string): Promise<CheckResponse> {
    const peerAddress = addressOf(peer);
    const isKnown = peers === undefined || isListed(peers, peerAddress);
    const read = isKnown ? readCheck(request, limits.fieldBytes) : err(STRANGER);
    const context = { peerAddress, runtime: currentRuntime(), recorder, loadShedder, now: clock() };
    return checkResponse(await answerCheck(read, DIALECT, context));
  }

  const pending = new Set<Promise<void>>();
  const reply = async (...[call, callback]: Parameters<CheckMethod>): Promise<void> => {
    callback(null, await answer(call.request, call.getPeer()));
  };
  const check: CheckMethod = (call, callback) => {
    const replied = reply(call, callback).finally(() => pending.delete(replied));
    pending.add(replied);
  };

  const grpc = new Server({ 'grpc.max_receive_message_length': LARGEST_CHECK });
  grpc.addService(AUTHORIZATION, { Check: check });
  const connections = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    connections.injectConnection(socket);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const port = await listenOn(server, place);
  return {
    port,
    async close(drainMilliseconds) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const shut = new Promise<void>((resolve) => grpc.tryShutdown(() => resolve()));
      const late = setTimeout(cut, drainMilliseconds);
      await Promise.race([Promise.allSettled(pending), closed]);
      // A peer that does not close its side would keep us.
      const farewell = setTimeout(cut, FAREWELL_MILLISECONDS);
      await Promise.all([shut, closed]);
      clearTimeout(late);
      clearTimeout(farewell);
    },
  };
}

/** Of `address:port`; empty for the peer at a socket file. */
function addressOf(peer: string): string {
  const end = peer.lastIndexOf(':');
  return end === -1 ? '' : normaliseAddress(peer.slice(0, end));
}
