import type { Target } from '../targets/target.ts';
import type { ProgramName, Programs } from './programs.ts';

/** What a path does for its CPU time. For people. */
export interface Work {
  /** What clients present. */
  readonly credential: string;
  /** How, and how often, it is checked. */
  readonly checked: string;
  /** When a revoked credential stops. */
  readonly revoked: string;
  /** What the upstream gets to know, and by what it can trust that. */
  readonly identity: string;
  /** Whether the upstream gets the credential of the client. */
  readonly credentialAtUpstream: 'yes' | 'no';
}

/** All that stands between a client and the upstream. */
export interface PeerPath {
  readonly target: Target;
  /** `undefined` = the path looks at no credential. */
  readonly work: Work | undefined;
  /** Programs of others, without which it is left out. */
  readonly needs: readonly ProgramName[];
  /** Whether WebSockets get through. */
  readonly webSockets: boolean;
}

/** Where the programs are. Asked for those alone that the path needs. */
export type ProgramPath = (name: ProgramName) => string;

/** Throws for a program that is missing. */
export function programPath(programs: Partial<Programs>): ProgramPath {
  return (name) => {
    const program = programs[name];
    if (program?.kind !== 'found') throw new Error(`${name} is missing`);
    return program.path;
  };
}

/** What is missing for the path, and why; `undefined` = nothing. */
export function whatIsMissing(path: PeerPath, programs: Partial<Programs>): string | undefined {
  const reasons = path.needs.flatMap((name) => {
    const program = programs[name];
    if (program?.kind === 'found') return [];
    return [program?.why ?? `${name} is missing`];
  });
  return reasons.length === 0 ? undefined : reasons.join('; ');
}

/** What is wrong with a forwarded head: these fields have to be there, and nothing of the credential. */
export function faultOf(head: string, expected: readonly RegExp[], credential?: RegExp): string | undefined {
  const text = head.replaceAll('\r', '');
  if (credential?.test(text)) return 'with the credential of the client';
  const missing = expected.find((field) => !field.test(text));
  return missing === undefined ? undefined : `without ${missing.source}`;
}

export const USER = /^x-user-id: \S/im;
export const TENANT_OF_TOKEN = /^x-tenant-id: acme$/im;
export const BEARER = /^authorization: \S/im;

/** Where runtimes of Go would take the second core for themselves. */
export const ONE_CORE = { GOMAXPROCS: '1' } as const;
