import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { FieldChanges } from '../load/request.ts';
import { buildGatehouse, GATEHOUSE_ENTRY } from './gatehouse-build.ts';
import type { Launch, Surroundings, Target } from './target.ts';

/** One way to use Gatehouse: what the client presents, and how the identity travels to the upstream. */
export interface GatehouseVariant {
  readonly name: string;
  /** `coldBearer` = each request has another token, so that each is verified; `session` = a cookie, with two cookies of the upstream kept for it. */
  readonly credential: 'apiKey' | 'bearer' | 'coldBearer' | 'session';
  /** `assertion` and `signature` come on top of the fields. */
  readonly identity: 'fields' | 'assertion' | 'signature';
}

export const GATEHOUSE_VARIANTS: readonly GatehouseVariant[] = [
  { name: 'gatehouse-key-fields', credential: 'apiKey', identity: 'fields' },
  { name: 'gatehouse-key-assertion', credential: 'apiKey', identity: 'assertion' },
  { name: 'gatehouse-key-signature', credential: 'apiKey', identity: 'signature' },
  { name: 'gatehouse-bearer-fields', credential: 'bearer', identity: 'fields' },
  { name: 'gatehouse-bearer-assertion', credential: 'bearer', identity: 'assertion' },
  { name: 'gatehouse-bearer-signature', credential: 'bearer', identity: 'signature' },
  { name: 'gatehouse-session-fields', credential: 'session', identity: 'fields' },
  { name: 'gatehouse-session-assertion', credential: 'session', identity: 'assertion' },
  { name: 'gatehouse-bearer-cold', credential: 'coldBearer', identity: 'fields' },
];

export interface GatehouseSetup {
  /** The whole configuration file, YAML. */
  readonly config: string;
  /** Sent in turn: the credential, and whatever else differs from the request that all targets get. */
  readonly requests: readonly FieldChanges[];
  /** The same with a credential that nobody has. */
  readonly refused: FieldChanges;
}

/** May put keys and the like into the folder of the target. */
export type PrepareGatehouse = (
  variant: GatehouseVariant,
  surroundings: Surroundings,
) => GatehouseSetup | Promise<GatehouseSetup>;

const ABOUT = {
  apiKey: 'API key',
  bearer: 'ES256 bearer token',
  coldBearer: 'ES256 bearer tokens, another one each time',
  session: 'session cookie, with the cookies that its login kept',
  fields: 'identity fields',
  assertion: 'identity fields and a signed assertion',
  signature: 'identity fields and an HMAC request signature',
} as const;

const EXPECTED = {
  fields: [/^x-tenant-id: acme$/im, /^x-user-id: \S/im, /^x-user-roles: \S/im],
  assertion: [/^x-gatehouse-assertion: \S+\.\S+\.\S+$/im],
  signature: [/^signature: \S/im, /^signature-input: \S/im],
} as const;
const CREDENTIAL = /^(?:authorization|x-api-key):|\bghs_/im;
const KEPT_COOKIES = /^cookie: ASP\.NET_SessionId=\w+; auth=\w+$/im;

/** Speed counts only where the work was done: identity is there, and the credential is not. */
function faultIn(head: string, { identity, credential }: GatehouseVariant): string | undefined {
  const text = head.replaceAll('\r', '');
  if (CREDENTIAL.test(text)) return 'with the credential of the client';
  if (credential === 'session' && !KEPT_COOKIES.test(text)) return 'without the cookies of its login';
  const missing = [...EXPECTED.fields, ...EXPECTED[identity]].find((field) => !field.test(text));
  return missing === undefined ? undefined : `without ${missing.source}`;
}

/** `gatehouse serve` as it is shipped, on this configuration. */
export async function gatehouseLaunch(
  { config, requests, refused }: GatehouseSetup,
  { folder }: Pick<Surroundings, 'folder'>,
): Promise<Launch> {
  const file = path.join(folder, 'gatehouse.yaml');
  await writeFile(file, config);
  return {
    command: process.execPath,
    args: [GATEHOUSE_ENTRY, 'serve', '--config', file],
    requests,
    refused,
  };
}

/** Gatehouse on the configuration that `prepare` writes for the variant. */
export function gatehouseTarget(variant: GatehouseVariant, prepare: PrepareGatehouse): Target {
  return {
    name: variant.name,
    about: `Gatehouse: ${ABOUT[variant.credential]}, ${ABOUT[variant.identity]}`,
    isNode: true,
    makeReady: buildGatehouse,
    faultIn: (head) => faultIn(head, variant),
    async prepare(surroundings) {
      return gatehouseLaunch(await prepare(variant, surroundings), surroundings);
    },
  };
}
