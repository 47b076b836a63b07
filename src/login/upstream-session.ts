import type { Clock } from '../base/clock.ts';
import { Outage } from '../base/outage.ts';
import type { LoginSettings } from '../config/schema/config.ts';
import { EMPTY_JAR, type Jar } from '../sessions/jar.ts';
import type { Log } from '../telemetry/log.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import { parseAnswer } from './json-answer.ts';
import type { Keeping } from './keeping.ts';
import { jsonBody } from './login-body.ts';
import type { LoginBridge, SwitchOutcome } from './login-bridge.ts';
import { compileFields } from './login-fields.ts';
import { asLoginOutage } from './login-outage.ts';
import { type SendLoginRequest, valuesOf } from './own-requests.ts';
import { tenantValues } from './template.ts';
import { createLogout, PATIENCE_MILLISECONDS } from './upstream-logout.ts';
import { isOutage, locationPath } from './verdict.ts';

export interface UpstreamSessionParts {
  readonly name: string;
  readonly settings: LoginSettings;
  readonly basePath: string;
  readonly send: SendLoginRequest;
  readonly keeping: Keeping;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is done with the session that the upstream itself has of a user. */
export function createUpstreamSession(
  parts: UpstreamSessionParts,
): Pick<LoginBridge, 'logOut' | 'looksLost' | 'probe' | 'switchTenant'> {
  const { name, settings, basePath, send, clock, log } = parts;
  const { sessionLost } = settings;
  const lostStatuses = new Set(sessionLost?.status ?? []);

  function looksLost(status: number, location: string | undefined): boolean {
    if (lostStatuses.has(status)) return true;
    if (sessionLost?.location === undefined || status < 300 || status > 399) return false;
    return locationPath(location, basePath)?.startsWith(sessionLost.location) === true;
  }

  return {
    looksLost,

    logOut: createLogout(parts),

    async probe(jar, tenant) {
      if (sessionLost === undefined) return 'unknown';
      const { method, target } = sessionLost.probe;
      try {
        const answer = await send({
          method,
          target,
          tenant,
          fields: [],
          jar,
          timeoutMilliseconds: PATIENCE_MILLISECONDS,
          now: clock(),
        });
        if (looksLost(answer.status, valuesOf(answer.fields, 'location')[0])) return 'lost';
        return isOutage(answer.status) ? 'unknown' : 'alive';
      } catch (error) {
        log.warn({ err: error, login: name }, 'the upstream could not be asked whether a session is alive');
        return 'unknown';
      }
    },

    switchTenant: createSwitch(parts, looksLost),
  };
}

function createSwitch(
  { settings, send, keeping, clock }: UpstreamSessionParts,
  looksLost: LoginBridge['looksLost'],
): (jar: Jar, to: KnownTenant) => Promise<SwitchOutcome> {
  const { switchTenant } = settings;
  if (switchTenant === undefined) {
    const keepsNothing = keeping.cookieNames.size === 0 && !keeping.keepsFields;
    const outcome: SwitchOutcome = keepsNothing
      ? { kind: 'switched', jar: EMPTY_JAR }
      : { kind: 'reauthenticate' };
    return () => Promise.resolve(outcome);
  }
  const { method, target } = switchTenant.request;
  const body = switchTenant.json === undefined ? undefined : jsonBody(switchTenant.json);
  const fieldsFor = compileFields(switchTenant.fields);

  return async (jar, to) => {
    try {
      const values = tenantValues(to);
      const answer = await send({
        method,
        target,
        tenant: to,
        fields: fieldsFor(values),
        ...(body !== undefined && { body: { contentType: body.contentType, bytes: body.write(values) } }),
        jar,
        timeoutMilliseconds: settings.timeout,
        now: clock(),
      });
      if (isOutage(answer.status))
        throw new Outage('login_unavailable', `the switch to another tenant was answered ${answer.status}`);
      const isRefused =
        answer.status >= 400 || looksLost(answer.status, valuesOf(answer.fields, 'location')[0]);
      if (isRefused) return { kind: 'reauthenticate' };
      const fields = keeping.keepsFields
        ? keeping.fieldsOf(parseAnswer(answer.body, 'the answer to the switch'))
        : [];
      return { kind: 'switched', jar: { cookies: keeping.cookiesOf(answer.jar), fields } };
    } catch (error) {
      throw asLoginOutage(error);
    }
  };
}
