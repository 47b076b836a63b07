import type { Jar } from '../sessions/jar.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import { formBody } from './login-body.ts';
import type { LoginBridge, ReceivedLogout } from './login-bridge.ts';
import { compileFields } from './login-fields.ts';
import type { LoginAnswer, LoginRequest } from './own-requests.ts';
import { compilePrepared } from './prepare.ts';
import { tenantValues } from './template.ts';
import type { UpstreamSessionParts } from './upstream-session.ts';

/** How long a logout and a probe may take. */
export const PATIENCE_MILLISECONDS = 3000;

type Step = (
  request: Pick<LoginRequest, 'method' | 'target' | 'jar'> & Partial<LoginRequest>,
) => Promise<LoginAnswer>;

/** prepare ─► logout, or the client's own request in place of both: everything in the time of one logout. */
export function createLogout(parts: UpstreamSessionParts): LoginBridge['logOut'] {
  const { name, settings, log } = parts;
  const compose = compileLogout(settings.logout);

  return async (jar, tenant, received) => {
    const step = stepsOf(tenant, parts);
    try {
      if (received === undefined) return await compose?.(step, jar, tenant, parts.clock());
      const line = settings.logout?.request ?? settings.intercept?.logout;
      if (line === undefined) return undefined;
      return await step({ ...line, jar, received, client: clientOf(received) });
    } catch (error) {
      log.warn({ err: error, login: name }, 'the upstream could not be told of a logout');
      return undefined;
    }
  };
}

function stepsOf(tenant: KnownTenant, { send, clock }: UpstreamSessionParts): Step {
  const end = performance.now() + PATIENCE_MILLISECONDS;
  return (request) =>
    send({ tenant, fields: [], timeoutMilliseconds: end - performance.now(), now: clock(), ...request });
}

type Logout = (step: Step, jar: Jar, tenant: KnownTenant, now: number) => Promise<LoginAnswer>;

function compileLogout(logout: UpstreamSessionParts['settings']['logout']): Logout | undefined {
  if (logout === undefined) return undefined;
  const { prepare, request } = logout;
  const readPrepared = prepare && compilePrepared(prepare);
  const body = logout.form && formBody(logout.form);
  const fieldsFor = compileFields(logout.fields);

  return async (step, jar, tenant, now) => {
    const page = prepare && (await step({ ...prepare.request, jar }));
    const prepared = page && readPrepared?.(page, now);
    const values = { ...tenantValues(tenant), ...(prepared !== undefined && { prepared }) };
    return step({
      ...request,
      jar: page?.jar ?? jar,
      fields: fieldsFor(values),
      ...(body !== undefined && { body: { contentType: body.contentType, bytes: body.write(values) } }),
    });
  };
}

function clientOf({ peer, origin }: ReceivedLogout) {
  return { peer, origin };
}
