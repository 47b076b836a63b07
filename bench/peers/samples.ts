import type { Window } from '../load/orders.ts';
import type { PeerPath } from './peer-path.ts';

export interface PeerPlan {
  /** Of GETs, POSTs and WebSockets. */
  readonly connections: number;
  readonly warmUpSeconds: number;
  /** Measured load of 1 kB GETs per path and group, in slices. */
  readonly getSeconds: number;
  /** At half of the path's own throughput. */
  readonly halfLoadSeconds: number;
  /** Of each: 1 MB downloads, 10 kB posts, WebSocket messages. */
  readonly otherSeconds: number;
  readonly windowMs: number;
  /** How long a path is measured before it is another one's turn. Seconds above count slices. */
  readonly sliceMs: number;
  readonly startUps: number;
  /** Of the memory measurement. Fewer when this machine does not allow as many. */
  readonly idleConnections: number;
}

/** Windows of one kind of closed-loop load. */
export interface Measured {
  readonly all: readonly Window[];
  /** Those in which the probe saw nothing slow the core down. */
  readonly quiet: readonly Window[];
}

export type Kind = 'get' | 'download' | 'post' | 'webSocket';

export interface IdleMemory {
  readonly connections: number;
  /** Of all processes, before they were opened and while they were open. */
  readonly beforeBytes: number;
  readonly bytes: number;
}

export interface HalfLoad {
  readonly ratePerSecond: number;
  /** Microseconds, slice by slice of one second. */
  readonly latencies: readonly (readonly number[])[];
}

/** What was seen of one path. With a `failure`, what was seen before it. */
export interface PeerSamples {
  readonly path: PeerPath;
  readonly measured: Readonly<Record<Kind, Measured>>;
  readonly halfLoad: HalfLoad;
  readonly startUpsMs: readonly number[];
  readonly residentBytes?: number;
  readonly idle?: IdleMemory;
  readonly processes?: number;
  /** Kinds of load that the path did not stand, and why. */
  readonly faults: Readonly<Partial<Record<Kind | 'halfLoad' | 'idle', string>>>;
  readonly failure?: string;
}
