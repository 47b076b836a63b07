import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Surroundings, Target } from './target.ts';

/** One way to use Gatehouse: what the client presents, and how the identity travels to the upstream. */
export interface GatehouseVariant {
  readonly name: string;
  readonly credential: 'apiKey' | 'bearer';
  /** `assertion` and `signature` come on top of the fields. */
  readonly identity: 'fields' | 'assertion' | 'signature';
}

export const GATEHOUSE_VARIANTS: readonly GatehouseVariant[] = [
  { name: 'key-fields', credential: 'apiKey', identity: 'fields' },
  { name: 'key-assertion', credential: 'apiKey', identity: 'assertion' },
  { name: 'key-signature', credential: 'apiKey', identity: 'signature' },
  { name: 'bearer-fields', credential: 'bearer', identity: 'fields' },
  { name: 'bearer-assertion', credential: 'bearer', identity: 'assertion' },
  { name: 'bearer-signature', credential: 'bearer', identity: 'signature' },
];

export interface GatehouseSetup {
  /** The whole configuration file, YAML. */
  readonly config: string;
  /** The credential, and whatever else each request carries. */
  readonly fields: Readonly<Record<string, string>>;
}

/** May put keys and the like into the folder of the target. */
export type PrepareGatehouse = (
  variant: GatehouseVariant,
  surroundings: Surroundings,
) => GatehouseSetup | Promise<GatehouseSetup>;

const ENTRY = path.resolve(import.meta.dirname, '../../dist/main.js');

const ABOUT = {
  apiKey: 'API key',
  bearer: 'ES256 bearer token',
  fields: 'identity fields',
  assertion: 'identity fields and a signed assertion',
  signature: 'identity fields and an HMAC request signature',
} as const;

/** `gatehouse serve` as it is shipped, on the configuration that `prepare` writes for the variant. */
export function gatehouseTarget(variant: GatehouseVariant, prepare: PrepareGatehouse): Target {
  return {
    name: variant.name,
    about: `Gatehouse: ${ABOUT[variant.credential]}, ${ABOUT[variant.identity]}`,
    unavailable: () => (existsSync(ENTRY) ? undefined : 'dist/main.js is missing: npm run build'),
    async prepare(surroundings) {
      const { config, fields } = await prepare(variant, surroundings);
      const file = path.join(surroundings.folder, 'gatehouse.yaml');
      await writeFile(file, config);
      return { command: process.execPath, args: [ENTRY, 'serve', '--config', file], fields };
    },
  };
}
