import type { FieldChanges } from '../load/request.ts';

/** What a target gets to set itself up with. */
export interface Surroundings {
  /** The port of 127.0.0.1 that it must listen on. */
  readonly port: number;
  /** The upstream that it must proxy to, `http://127.0.0.1:…`. */
  readonly upstreamPort: number;
  /** A folder of its own, removed when the run ends. */
  readonly folder: string;
}

/** A process to start. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The process that clients connect to, and what to send to it. */
export interface Launch extends Program {
  /** Further processes that each request needs: started first, and counted with it. */
  readonly besides?: readonly Program[];
  /** The requests, which are sent in turn: what differs from the one that all targets get. Default: nothing. */
  readonly requests?: readonly FieldChanges[];
  /** The same with a wrong credential: it must be answered 401 or 403. Absent: the target looks at no credential. */
  readonly refused?: FieldChanges;
}

/** One proxy to measure: how to start its process, and what to send to it. */
export interface Target {
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  /** Runs on Node, as one process: it can be profiled. */
  readonly isNode?: true;
  /** Why it cannot run on this machine, or `undefined` when it can. */
  readonly unavailable?: () => string | undefined;
  /** Called once, before any target is started. Throws when it cannot be done. */
  readonly makeReady?: () => void;
  /** What is wrong with a request head that it forwarded; `undefined` = nothing. Asked once per start. */
  readonly faultIn?: (forwardedHead: string) => string | undefined;
  /** How long its start may take. Default: 20 s. */
  readonly readyWithinMs?: number;
  /** May write files into its folder. Called once per process that is started. */
  readonly prepare: (surroundings: Surroundings) => Launch | Promise<Launch>;
}
