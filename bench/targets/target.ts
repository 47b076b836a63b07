/** What a target gets to set itself up with. */
export interface Surroundings {
  /** The port of 127.0.0.1 that it must listen on. */
  readonly port: number;
  /** The upstream that it must proxy to, `http://127.0.0.1:…`. */
  readonly upstreamPort: number;
  /** A folder of its own, removed when the run ends. */
  readonly folder: string;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Sent with each request, besides those that all targets get. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** One proxy to measure: how to start its process, and what to send to it. */
export interface Target {
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  /** Why it cannot run on this machine, or `undefined` when it can. */
  readonly unavailable?: () => string | undefined;
  /** May write files into its folder. Called once per process that is started. */
  readonly prepare: (surroundings: Surroundings) => Launch | Promise<Launch>;
}
