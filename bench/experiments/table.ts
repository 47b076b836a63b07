import type { Experiment } from './experiment.ts';
import { loginsExperiment } from './logins.ts';
import { overloadExperiment } from './overload.ts';
import { revocationExperiment } from './revocation.ts';
import { scaleExperiment, sessionScaleExperiment } from './scale.ts';

export const EXPERIMENTS: readonly Experiment[] = [
  revocationExperiment,
  scaleExperiment,
  sessionScaleExperiment,
  loginsExperiment,
  overloadExperiment,
];
