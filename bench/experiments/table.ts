import type { Experiment } from './experiment.ts';
import { revocationExperiment } from './revocation.ts';
import { scaleExperiment } from './scale.ts';

export const EXPERIMENTS: readonly Experiment[] = [revocationExperiment, scaleExperiment];
