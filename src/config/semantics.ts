import type { ConfigFiles } from './files.ts';
import type { Report } from './report.ts';
import type { Settings } from './schema/config.ts';
import { checkApiKeys } from './semantics/api-keys.ts';
import { checkCertificates } from './semantics/certificates.ts';
import { checkClients } from './semantics/clients.ts';
import { checkForwardAuth } from './semantics/forward-auth.ts';
import { checkHosts } from './semantics/hosts.ts';
import { checkIdentity } from './semantics/identity.ts';
import { checkIssuers } from './semantics/issuers.ts';
import { checkListeners } from './semantics/listeners.ts';
import { checkLogins } from './semantics/login.ts';
import { checkRoutes } from './semantics/routes.ts';
import { checkSecrets } from './semantics/secrets.ts';
import { checkSessions } from './semantics/sessions.ts';
import { checkTokens } from './semantics/tokens.ts';
import { checkUpstreams } from './semantics/upstreams.ts';
import { checkWorkers } from './semantics/workers.ts';

/** Everything that one entry alone cannot show: names that must exist, duplicates, contradictions, files. */
export function checkSemantics(settings: Settings, report: Report, files: ConfigFiles): void {
  checkListeners(settings, report);
  checkWorkers(settings, report);
  checkForwardAuth(settings, report);
  checkHosts(settings, report);
  checkIssuers(settings, report);
  checkApiKeys(settings, report);
  checkClients(settings, report);
  checkUpstreams(settings, report);
  checkIdentity(settings, report);
  checkRoutes(settings, report);
  checkSessions(settings, report);
  checkTokens(settings, report);
  checkLogins(settings, report);
  checkSecrets(settings, report);
  checkCertificates(settings, report, files);
}
