import { ok } from '../../src/base/result.ts';
import type { Secret } from '../../src/base/secret.ts';
import type { BegunSession, RotationOptions } from '../../src/sessions/session-service.ts';
import { MINUTE } from '../contract/fixtures.ts';

export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const LIVES = { ttl: 30 * MINUTE, absolute: 12 * HOUR, idle: 14 * DAY };

/** What the answer of `traded` holds. */
export interface AnsweredCredentials {
  readonly rotating: string;
  readonly cookie?: string;
}

/** Rotations whose answers hold the credentials in the open. */
export function traded(
  kind: RotationOptions['kind'],
  members: Partial<Omit<RotationOptions, 'kind'>> = {},
): RotationOptions {
  return {
    kind,
    admit: () => ok(true),
    answer: async (renewed) => JSON.stringify(credentialsOf(renewed)),
    ...members,
  };
}

export function credentialsOf({ rotating, cookie }: BegunSession): AnsweredCredentials {
  return { rotating: reveal(rotating), ...(cookie !== undefined && { cookie: cookie.reveal() }) };
}

export function readAnswer(answer: string): AnsweredCredentials {
  return JSON.parse(answer) as AnsweredCredentials;
}

export function reveal(secret: Secret | undefined): string {
  if (secret === undefined) throw new Error('there is no such credential');
  return secret.reveal();
}
