import type { Experiment } from './experiment.ts';
import { loginsExperiment } from './logins.ts';
import { memoryExperiment } from './memory.ts';
import { overloadExperiment } from './overload.ts';
import { KEYS_AND_REVOCATIONS, SESSIONS } from './populations/credentials.ts';
import { ROUTES } from './populations/routes.ts';
import { TENANTS } from './populations/tenants.ts';
import { replicasExperiment } from './replicas.ts';
import { revocationExperiment } from './revocation.ts';
import { scaleOf } from './scale.ts';

export const EXPERIMENTS: readonly Experiment[] = [
  revocationExperiment,
  replicasExperiment,
  scaleOf(KEYS_AND_REVOCATIONS),
  scaleOf(SESSIONS),
  scaleOf(ROUTES),
  scaleOf(TENANTS),
  memoryExperiment,
  loginsExperiment,
  overloadExperiment,
];
