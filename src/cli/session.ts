import type { Command } from 'commander';
import { parseDuration } from '../base/duration.ts';
import { type AdminClient, createAdminClient } from './admin-client.ts';
import { type OutputFormat, printResult } from './output.ts';

export interface GlobalOptions {
  readonly admin: string;
  readonly adminTokenFile?: string;
  readonly output: OutputFormat;
}

/** What a command that talks to the administration API works with. */
export interface CliSession {
  readonly client: AdminClient;
  readonly format: OutputFormat;
  readonly print: <T>(value: T, text: (value: T) => string) => void;
}

export function openSession(command: Command): CliSession {
  const { admin, adminTokenFile, output } = command.optsWithGlobals<GlobalOptions>();
  return {
    client: createAdminClient({ url: admin, tokenFile: adminTokenFile, env: process.env }),
    format: output,
    print: (value, text) => printResult(output, value, text),
  };
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

/** The option of commands that change what somebody else may change too. */
export const IF_MATCH = ['--if-match <etag>', 'only if its etag is still this one (see show)'] as const;

export interface Condition {
  readonly ifMatch?: string;
}

export function conditionOf({ ifMatch }: Condition): Readonly<Record<string, string | undefined>> {
  return { 'if-match': ifMatch };
}

/** `90d` ago, or a time as it is, which the API checks. */
export function instantAgo(text: string): string {
  const milliseconds = parseDuration(text);
  return milliseconds === undefined ? text : new Date(Date.now() - milliseconds).toISOString();
}

/** `90d` from now, or a time as it is, which the API checks. */
export function instantFrom(text: string): string {
  const milliseconds = parseDuration(text);
  return milliseconds === undefined ? text : new Date(Date.now() + milliseconds).toISOString();
}
