import { err, ok, type Result } from '../base/result.ts';
import type { SettingProblem } from '../base/setting-problem.ts';
import type { TenantSettings, UpstreamSettings } from '../config/schema/config.ts';
import { compileCredentialTemplate, type FieldTemplate } from './field-template.ts';
import { isFieldValue } from './field-value.ts';
import type { IdentityContext } from './identity.ts';

/** What an unchanged upstream itself wants to see: the gateway's own access to it, or the tenant's. */
export interface UpstreamCredentials {
  readonly fieldNames: readonly string[];
  /** Names of the credentials that each tenant must have which sends requests there. */
  readonly tenantCredentials: readonly string[];
  /**
   * The gateway's own access on public routes too. What belongs to a tenant needs a principal, or a route that lends it: whoever
   * can name a host would else speak to the upstream as that host's tenant. A field that needs a tenant is left out if the request
   * has none. Throws `Outage('identity_unavailable')` if the tenant lacks a credential: the request never
   * goes out without it.
   */
  write(context: IdentityContext, fields: string[]): void;
}

interface CredentialField {
  readonly name: string;
  readonly template: FieldTemplate;
}

type CredentialSettings = Pick<UpstreamSettings['credentials'], 'fields' | 'basic'>;

/** Paths of problems are relative to the upstream's settings. */
export function createUpstreamCredentials(
  settings: CredentialSettings,
): Result<UpstreamCredentials, readonly SettingProblem[]> {
  const problems: SettingProblem[] = [];
  const templates: CredentialField[] = [];
  for (const [name, text] of Object.entries(settings.fields)) {
    const template = compileCredentialTemplate(text);
    if (template.ok) templates.push({ name, template: template.value });
    else problems.push({ path: ['credentials', 'fields', name], ...template.error });
  }
  const basic = settings.basic === undefined ? ok(undefined) : basicCredentials(settings.basic);
  if (!basic.ok) problems.push(basic.error);
  if (!basic.ok || problems.length > 0) return err(problems);

  const authorization = basic.value;
  return ok({
    fieldNames: [
      ...templates.map(({ name }) => name),
      ...(authorization === undefined ? [] : ['Authorization']),
    ],
    tenantCredentials: [...new Set(templates.flatMap(({ template }) => template.tenantCredentials))],
    write(context, fields) {
      const isLent = context.principal !== undefined || context.lendsTenantCredentials;
      for (const { name, template } of templates) {
        if (!isLent && template.tenantCredentials.length > 0) continue;
        const value = template.render(context);
        if (value !== undefined) fields.push(name, value);
      }
      if (authorization !== undefined) fields.push('Authorization', authorization);
    },
  });
}

/** RFC 7617 §2: no colon in the user name, no control character in either; UTF-8, as its §2.1 recommends. */
function basicCredentials(
  settings: NonNullable<CredentialSettings['basic']>,
): Result<string, SettingProblem> {
  const password = settings.password.reveal();
  if (settings.username.includes(':') || hasControl(settings.username))
    return err({
      path: ['credentials', 'basic', 'username'],
      found: 'a user name with a colon or a control character',
      expected: 'a user name without (RFC 7617 §2)',
    });
  if (hasControl(password))
    return err({
      path: ['credentials', 'basic', 'password'],
      found: 'a password with a control character, such as a line break at its end',
      expected: 'a password without (RFC 7617 §2)',
    });
  return ok(`Basic ${Buffer.from(`${settings.username}:${password}`, 'utf8').toString('base64')}`);
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

/**
 * The credentials that an upstream wants of tenants, looked up in the tenants of the configuration. A tenant that has none is not
 * an error in itself, since it may never send a request there: when it does, the answer is 503. A value that no field can carry is
 * one. Paths are relative to `tenants`.
 */
export function checkTenantCredentials(
  names: readonly string[],
  tenants: Readonly<Record<string, Pick<TenantSettings, 'credentials'>>>,
): { readonly missing: readonly SettingProblem[]; readonly unusable: readonly SettingProblem[] } {
  const missing: SettingProblem[] = [];
  const unusable: SettingProblem[] = [];
  for (const [tenant, { credentials }] of Object.entries(tenants)) {
    for (const name of names) {
      const path = [tenant, 'credentials', name];
      const value = Object.hasOwn(credentials, name) ? credentials[name]?.reveal() : undefined;
      if (value === undefined)
        missing.push({ path, found: 'nothing', expected: 'the credential that upstreams want' });
      else if (!isFieldValue(value))
        unusable.push({
          path,
          found: 'a text that no field can carry',
          expected: 'a text without control characters and without white space at its ends',
        });
    }
  }
  return { missing, unusable };
}
