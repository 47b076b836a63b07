import type { EpochMilliseconds } from '../base/clock.ts';

/** One line of the audit stream. No credential is ever in it, only ids that are safe to read out. */
export interface AuditRecord {
  readonly at: EpochMilliseconds;
  /** Ties the client's problem+json answer, the log and this record together. */
  readonly decisionId: string;
  readonly event: 'request' | 'administration';
  /**
   * Of administration: `attempted` is stored before the change is made, so that there is no change without a record;
   * `changed`, `denied` or `failed` follows it under the same decision id. `observed`: an observed route would have
   * refused the request.
   */
  readonly decision: 'admitted' | 'denied' | 'failed' | 'observed' | 'attempted' | 'changed';
  /** Deny code (requests), or the action (`keys.create`, administration). */
  readonly code: string;
  /** The precise reason, for people inside only. */
  readonly reason?: string;
  /** Namespaced subject of the principal, or the admin token's name. */
  readonly subject?: string;
  /** Id of the credential, e.g. `key:8K2M9QXT`. */
  readonly credential?: string;
  readonly tenant?: string;
  readonly route?: string;
  readonly method?: string;
  readonly host?: string;
  /** Path without query. */
  readonly path?: string;
  readonly peer?: string;
  readonly status?: number;
}
