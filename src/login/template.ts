import { Outage } from '../base/outage.ts';
import { Secret } from '../base/secret.ts';
import { type LoginPiece, type LoginTemplate, parseLoginTemplate } from '../config/login-template.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';

/** What placeholders stand for in one login. */
export interface LoginValues {
  readonly username: string;
  readonly password: Secret;
  readonly tenant: KnownTenant;
  readonly prepared: ReadonlyMap<string, string>;
}

/** The values of a request in which nobody logs in: the semantics of the configuration let no other placeholder into it. */
export function tenantValues(tenant: KnownTenant): LoginValues {
  return { tenant, username: '', password: new Secret(''), prepared: new Map() };
}

/** Throws for a template that the semantics of the configuration would have refused. */
export function compileLoginTemplate(text: string): LoginTemplate {
  const template = parseLoginTemplate(text);
  if (!template.ok) throw new Error(`a template of a login has ${template.error.found}`);
  return template.value;
}

/** The text as it is; whoever puts it into a message encodes it for that. Throws `Outage('login_unavailable')` for what the tenant has not got. */
export function render(template: LoginTemplate, values: LoginValues): string {
  return template.map((piece) => valueOf(piece, values)).join('');
}

function valueOf(piece: LoginPiece, { username, password, tenant, prepared }: LoginValues): string {
  switch (piece.kind) {
    case 'literal':
      return piece.text;
    case 'username':
      return username;
    case 'password':
      return password.reveal();
    case 'tenantId':
      return tenant.id;
    case 'tenantCredential': {
      const { name } = piece;
      const credential = Object.hasOwn(tenant.credentials, name) ? tenant.credentials[name] : undefined;
      if (credential === undefined)
        throw new Outage('login_unavailable', `tenant ${tenant.id} has no credential ${name}`);
      return credential.reveal();
    }
    case 'prepared': {
      const value = prepared.get(piece.name);
      if (value === undefined) throw new Outage('login_unavailable', `nothing was prepared as ${piece.name}`);
      return value;
    }
  }
}
