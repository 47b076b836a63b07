import { freePort } from '../../process/ports.ts';
import { GATEHOUSE_VARIANTS, type GatehouseVariant, gatehouseLaunch } from '../../targets/gatehouse.ts';
import { setUpGatehouse } from '../../targets/gatehouse-setup.ts';
import type { Launch, Surroundings } from '../../targets/target.ts';
import type { Work } from '../peer-path.ts';

/** Beside a proxy that keeps the data path: its forward-auth listener alone is used. */
export interface AskedGatehouse {
  readonly authzPort: number;
  readonly launch: Launch;
}

const NAME = 'gatehouse-bearer-assertion';

function variantNamed(name: string): GatehouseVariant {
  const variant = GATEHOUSE_VARIANTS.find((candidate) => candidate.name === name);
  if (variant === undefined) throw new Error(`no variant ${name}`);
  return variant;
}

export async function prepareAskedGatehouse(surroundings: Surroundings): Promise<AskedGatehouse> {
  const [port, authzPort] = [await freePort(), await freePort()];
  const forwardAuth = { address: `127.0.0.1:${authzPort}`, peers: ['127.0.0.1/32'] };
  const own = { ...surroundings, port };
  const setup = await setUpGatehouse(variantNamed(NAME), own, { forwardAuth });
  return { authzPort, launch: await gatehouseLaunch(setup, own) };
}

export const ASKED_GATEHOUSE_WORK: Work = {
  credential: 'ES256 JWT',
  checked: 'Gatehouse is asked on each request, and remembers verified tokens',
  revoked: 'at once, on all replicas',
  identity: 'fields and a signed assertion',
  credentialAtUpstream: 'no',
};
