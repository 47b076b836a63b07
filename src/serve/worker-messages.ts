import type { ReloadReport } from '../admin/admin-context.ts';
import type { Observation } from '../gateway/observations.ts';
import type { MetricsSnapshot } from '../telemetry/metrics.ts';

/** What a worker can be asked, and what it answers. */
export interface WorkerAnswers {
  readonly metrics: MetricsSnapshot;
  readonly observations: readonly Observation[];
  readonly reload: ReloadReport;
}

export type WorkerQuestion = keyof WorkerAnswers;

/** From the primary to a worker. */
export type WorkerOrder =
  | { readonly kind: 'ask'; readonly id: number; readonly question: WorkerQuestion }
  | { readonly kind: 'stop' };

/** Where requests are taken; 0: a socket file, undefined: not configured. */
export interface RequestPorts {
  readonly publicPort: number;
  readonly forwardAuthPort: number | undefined;
  readonly forwardAuthGrpcPort: number | undefined;
}

/** From a worker to the primary. */
export type WorkerNews =
  | { readonly kind: 'serving'; readonly ports: RequestPorts; readonly revision: string }
  /** It cannot start; a sentence for the operator. */
  | { readonly kind: 'failed'; readonly problem: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: WorkerAnswers[WorkerQuestion] };
