import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { LoadShedder } from '../limits/load-shedder.ts';
import type { ClientResponse, ReceivedMessage } from '../upstream/client-side.ts';
import type { LiveConnections } from './live-connections.ts';
import type { OpenRequests } from './open-requests.ts';
import type { Recorder } from './records.ts';

/** What all exchanges share. */
export interface ExchangeContext extends Recorder {
  readonly clock: Clock;
  readonly live: LiveConnections;
  readonly openRequests: OpenRequests;
  readonly loadShedder: LoadShedder;
}

/** What the listener knows of a request beyond the message itself. */
export interface Reception {
  readonly received: ReceivedMessage;
  readonly response: ClientResponse;
  readonly peerAddress: string;
  readonly isTls: boolean;
  /** `continue`: the client waits for 100; `other`: an expectation that nobody can meet. */
  readonly expectation: 'none' | 'continue' | 'other';
  /** The request is a handshake to a route with WebSockets, and its connection may be switched. */
  readonly upgrade: UpgradeOffer | undefined;
}

/** A connection that may stop being HTTP. */
export interface UpgradeOffer {
  /** Bytes that came behind the request. */
  readonly head: Buffer;
  /** Takes the connection out of HTTP: `response` has none any more. */
  take(): Socket;
}
