import type { Authentication } from '../authentication/authentication.ts';
import type { FailureBudget } from '../authentication/failure-budget.ts';
import type { LoginSettings, Settings } from '../config/schema/config.ts';
import type { LoginBridge } from '../login/login-bridge.ts';
import type { RevocationList } from '../revocation/revocation-list.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';

/** What the intercepted routes of upstreams stand on. One per configuration generation. */
export interface InterceptedParts {
  readonly settings: Pick<Settings, 'sessions' | 'login' | 'apiKeys'> & {
    readonly store: Pick<Settings['store'], 'maxLag'>;
  };
  readonly sessions: SessionService;
  /** By the name of the login block. */
  readonly logins: ReadonlyMap<string, LoginBridge>;
  readonly tenants: Pick<TenantDirectory, 'find'>;
  readonly revocations: Pick<RevocationList, 'find' | 'lag'>;
  readonly authentication: Pick<Authentication, 'authenticate'>;
  readonly failureBudget: FailureBudget;
}

/** One login block whose route is taken over. */
export interface Interception {
  readonly bridge: LoginBridge;
  readonly login: LoginSettings;
  readonly intercept: NonNullable<LoginSettings['intercept']>;
  /** Name of the session cookie of its clients. */
  readonly cookieName: string;
}
