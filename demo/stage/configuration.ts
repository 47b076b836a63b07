/** demo/gatehouse.yaml, its variables, and a copy of it with the ports that were free. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { INTROSPECTION_CLIENT } from '../issuer/clients.ts';
import { TENANTS } from '../legacy-api/tenants.ts';
import { type Ports, USUAL_PORTS } from './ports.ts';

export const CONFIGURATION = path.resolve(import.meta.dirname, '../gatehouse.yaml');

/** The key by which the legacy API knows the tenant. */
export function legacyKeyOf(tenantId: string): string {
  const tenant = TENANTS.find(({ id }) => id === tenantId);
  if (tenant === undefined) throw new Error(`the legacy API has no tenant ${tenantId}`);
  return tenant.key;
}

/** What demo/gatehouse.yaml refers to. Pepper and HMAC secret are new for each start. */
export function demoEnvironment() {
  return {
    ACME_LEGACY_KEY: legacyKeyOf('acme'),
    GLOBEX_LEGACY_KEY: legacyKeyOf('globex'),
    GATEHOUSE_KEY_PEPPER: randomBytes(32).toString('hex'),
    ISSUER_CLIENT_SECRET: INTROSPECTION_CLIENT.secret,
    LEGACY_HMAC_SECRET: randomBytes(32).toString('hex'),
  } as const;
}

export type DemoEnvironment = ReturnType<typeof demoEnvironment>;

/** Writes the file with these ports to `file`. Throws if the original does not name the usual ones. */
export function writeConfiguration(file: string, ports: Ports): void {
  let text = readFileSync(CONFIGURATION, 'utf8');
  for (const [name, usual] of Object.entries(USUAL_PORTS)) {
    const address = `127.0.0.1:${usual}`;
    if (!text.includes(address)) throw new Error(`${CONFIGURATION} does not name ${address} (${name})`);
    // In two steps, since the new port of one part may be the usual port of another.
    text = text.replaceAll(address, `127.0.0.1:<${name}>`);
  }
  for (const [name, port] of Object.entries(ports)) text = text.replaceAll(`<${name}>`, String(port));
  writeFileSync(file, text);
}
