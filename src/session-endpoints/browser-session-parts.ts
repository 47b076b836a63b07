import type { Authentication } from '../authentication/authentication.ts';
import type { ClientDirectory } from '../clients/client-directory.ts';
import type { Settings } from '../config/schema/config.ts';
import type { LoginBridge } from '../login/login-bridge.ts';
import type { RevocationList } from '../revocation/revocation-list.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { TokenStore } from '../sessions/token-store.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';

/** What the endpoints for browser sessions stand on. One per configuration generation. */
export interface BrowserSessionParts {
  readonly settings: Pick<Settings, 'sessions' | 'login'> & {
    readonly store: Pick<Settings['store'], 'maxLag'>;
  };
  readonly clients: Pick<ClientDirectory, 'find' | 'isListedOrigin'>;
  readonly sessions: SessionService;
  readonly tokens: Pick<TokenStore, 'put'>;
  /** By the name of the login block. */
  readonly logins: ReadonlyMap<string, LoginBridge>;
  readonly tenants: Pick<TenantDirectory, 'find'>;
  readonly revocations: Pick<RevocationList, 'find' | 'lag'>;
  readonly authentication: Pick<Authentication, 'authenticate'>;
}
