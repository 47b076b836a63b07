import type { Lab } from '../measure/lab.ts';

/** What an experiment found: figures for programs, and the same for people. */
export interface Findings {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export interface ExperimentPlan {
  readonly count: number;
}

/** A measurement with a course of its own, unlike the suites, which compare targets with each other. */
export interface Experiment {
  readonly name: string;
  readonly about: string;
  /** What `--count` counts, and how many there are of it without it. */
  readonly counted: string;
  readonly defaults: ExperimentPlan;
  run(lab: Lab, plan: ExperimentPlan, progress: (line: string) => void): Promise<Findings>;
}
