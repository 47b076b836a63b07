import type { ReloadReport } from '../admin/admin-context.ts';
import { createFailureBudget } from '../authentication/failure-budget.ts';
import { type LoadResult, loadConfig } from '../config/load.ts';
import type { ConfigProblem } from '../config/problem.ts';
import { formatProblem, formatWarning } from '../config/problem.ts';
import type { Settings } from '../config/schema/config.ts';
import { createRuntime, type Runtime } from '../gateway/runtime.ts';
import type { Foundation } from './foundation.ts';
import { changedRestartOnly } from './restart-only.ts';

/** The configuration cannot be used; one line per problem, as `gatehouse check` prints them. */
export class ConfigRefused extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.name = 'ConfigRefused';
    this.problems = problems.map(formatProblem);
  }
}

export type LoadedConfig = Extract<LoadResult, { readonly ok: true }>;

/** The generation that serves, and how the next one takes its place. */
export interface Generations {
  current(): Runtime;
  /** Reads the file anew. A bad one leaves the old generation serving. One at a time, in order. Never throws. */
  reload(): Promise<ReloadReport>;
  /** Why the newest file is not the one that serves; empty if it is. */
  problems(): readonly string[];
  loadedAt(): number;
  close(): void;
}

export interface GenerationOptions {
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  readonly foundation: Foundation;
  readonly first: LoadedConfig;
  /** Told which files the newest configuration depends on. */
  readonly onFiles: (files: readonly string[]) => void;
  /** Called before a new generation begins to serve; what it throws refuses the generation. */
  readonly onSwap: (loaded: LoadedConfig) => Promise<void>;
}

export async function startGenerations(options: GenerationOptions): Promise<Generations> {
  const { file, env, foundation, first } = options;
  const { log, metrics, clock } = foundation;
  let budget = foundation.failureBudget;
  let serving = await createRuntime(first.settings, first.revision, foundation);
  let problems: readonly string[] = [];
  let loadedAt = clock();
  let lastReload: Promise<unknown> = Promise.resolve();
  metrics.reload('ok', first.revision);

  async function loadNext(): Promise<ReloadReport> {
    const loaded = loadConfig(file, { env });
    // Also of a refused one: a file that it misses may come later.
    options.onFiles(loaded.files);
    if (!loaded.ok) return refuse(loaded.problems.map(formatProblem));
    if (loaded.revision === serving.revision) {
      if (problems.length > 0) metrics.reload('ok', serving.revision);
      problems = [];
      return { outcome: 'unchanged', revision: serving.revision };
    }
    for (const warning of loaded.warnings)
      log.warn({ warning: formatWarning(warning) }, 'configuration warning');
    let next: Runtime | undefined;
    try {
      next = await createRuntime(loaded.settings, loaded.revision, {
        ...foundation,
        failureBudget: budgetFor(loaded.settings),
      });
      // Last, since it has effects of its own: what is refused must not have changed anything.
      await options.onSwap(loaded);
      swap(next);
    } catch (error) {
      next?.retire();
      log.error({ err: error }, 'the new configuration could not be put to use');
      return refuse([error instanceof Error ? error.message : 'unknown fault']);
    }
    return { outcome: 'reloaded', revision: serving.revision };
  }

  /** Failures stay counted, unless what is counted changed. */
  function budgetFor(settings: Settings) {
    const { failedCredentials } = serving.settings.limits;
    const next = settings.limits.failedCredentials;
    if (
      failedCredentials.count !== next.count ||
      failedCredentials.windowMilliseconds !== next.windowMilliseconds
    ) {
      budget = createFailureBudget(next, foundation.rateLimiter);
    }
    return budget;
  }

  function swap(next: Runtime): void {
    const needRestart = changedRestartOnly(serving.settings, next.settings);
    if (needRestart.length > 0)
      log.warn({ settings: needRestart }, 'changed settings need a restart; everything else is in effect');
    const before = serving;
    serving = next;
    const { level } = next.settings.logging;
    if (level !== before.settings.logging.level) log.level = level;
    before.retire();
    problems = [];
    loadedAt = clock();
    metrics.reload('ok', next.revision);
    log.info({ revision: next.revision }, 'configuration reloaded');
  }

  function refuse(lines: readonly string[]): ReloadReport {
    problems = lines;
    metrics.reload('failed', serving.revision);
    log.error(
      { problems: lines, serving: serving.revision },
      'the new configuration is refused; the old one goes on serving',
    );
    return { outcome: 'refused', revision: serving.revision, errors: lines };
  }

  return {
    current: () => serving,
    reload() {
      const report = lastReload.then(loadNext);
      lastReload = report.catch(() => undefined);
      return report;
    },
    problems: () => problems,
    loadedAt: () => loadedAt,
    close() {
      serving.retire();
    },
  };
}
