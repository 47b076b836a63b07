/** A line of the demo: what a person pastes, what it should do, and how that is checked. */
import type { ReceivedRequest } from '../legacy-api/received.ts';

export interface DemoRequest {
  readonly method: 'GET' | 'POST';
  /** Without a port; a client sends the one of the gateway. */
  readonly host: 'acme.localhost' | 'globex.localhost' | 'localhost';
  readonly path: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body?:
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'file'; readonly file: string };
  /** `answer`: head and body. `stream`: the same, as it comes. `digest`: SHA-256 of the body, for what no terminal should show. */
  readonly shows: 'answer' | 'stream' | 'digest';
}

export type Command =
  | { readonly kind: 'request'; readonly request: DemoRequest }
  /** A command of `gatehouse`, with its arguments. */
  | { readonly kind: 'gatehouse'; readonly args: readonly string[] };

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** What running a line came to. */
export interface Outcome {
  readonly exitCode: number | null;
  /** Of a request that shows its answer. */
  readonly answer: Answer | undefined;
  /** Everything that was printed, in pieces as they came. */
  readonly output: readonly { readonly atMs: number; readonly bytes: Buffer }[];
  readonly endedAtMs: number;
  /** What reached the legacy API meanwhile. */
  readonly received: readonly ReceivedRequest[];
}

/** A complaint, or `undefined` when all is well. */
export type Check = (outcome: Outcome) => string | undefined | Promise<string | undefined>;

export interface DemoLine {
  readonly title: string;
  readonly command: Command;
  /** For people: one phrase. */
  readonly expected: string;
  readonly checks: readonly Check[];
}

export interface Chapter {
  readonly title: string;
  readonly lines: readonly DemoLine[];
}

export function outputOf(outcome: Outcome): Buffer {
  return Buffer.concat(outcome.output.map(({ bytes }) => bytes));
}
