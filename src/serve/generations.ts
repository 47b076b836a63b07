import type { ReloadReport } from '../admin/admin-context.ts';
import { createFailureBudget } from '../authentication/failure-budget.ts';
import { Outage } from '../base/outage.ts';
import { fingerprintOf } from '../config/files.ts';
import type { LoadResult } from '../config/load.ts';
import { loadConfigApart } from '../config/load-apart.ts';
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

/** `noticed`: a file has changed, as it seems. `asked`: someone wants it, and what was refused is looked at again. */
export type ReloadCause = 'asked' | 'noticed';

/** The generation that serves, and how the next one takes its place. */
export interface Generations {
  current(): Runtime;
  /**
   * Reads the file anew, unless it is as it was. Default: `asked`. A bad one leaves the old generation serving. One at a time, in order.
   * Never throws.
   */
  reload(cause?: ReloadCause): Promise<ReloadReport>;
  /** Why the newest file is not the one that serves; empty if it is. */
  problems(): readonly string[];
  /** There are problems, but not of the file: the store is away. */
  isWaiting(): boolean;
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

/** What the newest files came to. `waiting`: they are sound, and something else is away. */
type Newest = Pick<LoadResult, 'files' | 'fingerprint'> &
  (
    | { readonly kind: 'serving' }
    | { readonly kind: 'refused'; readonly errors: readonly string[] }
    | { readonly kind: 'waiting'; readonly errors: readonly string[]; readonly loaded: LoadedConfig }
  );

export async function startGenerations(options: GenerationOptions): Promise<Generations> {
  const { file, env, foundation, first } = options;
  const { log, metrics, clock } = foundation;
  let budget = foundation.failureBudget;
  let serving = await createRuntime(first.settings, first.revision, foundation);
  let newest: Newest = { kind: 'serving', files: first.files, fingerprint: first.fingerprint };
  let loadedAt = clock();
  let lastReload: Promise<unknown> = Promise.resolve();
  let isClosed = false;
  metrics.reload('ok', first.revision);

  async function loadNext(cause: ReloadCause): Promise<ReloadReport> {
    const { revision } = serving;
    const isKnown = fingerprintOf(newest.files) === newest.fingerprint;
    if (isKnown && newest.kind === 'serving') return { outcome: 'unchanged', revision };
    if (isKnown && newest.kind === 'waiting') return putToUse(newest.loaded);
    if (isKnown && newest.kind === 'refused' && cause === 'noticed')
      return { outcome: 'refused', revision, errors: newest.errors };
    const loaded = await loadConfigApart(file, {
      env,
      onTrouble: (error) =>
        log.warn({ err: error }, 'the configuration is loaded in place, which holds up requests'),
    });
    // Also of a refused one: a file that it misses may come later.
    options.onFiles(loaded.files);
    if (!loaded.ok) return refuse(loaded, loaded.problems.map(formatProblem));
    if (loaded.revision === revision) {
      if (newest.kind !== 'serving') metrics.reload('ok', revision);
      newest = servingOf(loaded);
      return { outcome: 'unchanged', revision };
    }
    for (const warning of loaded.warnings)
      log.warn({ warning: formatWarning(warning) }, 'configuration warning');
    return putToUse(loaded);
  }

  async function putToUse(loaded: LoadedConfig): Promise<ReloadReport> {
    let next: Runtime | undefined;
    try {
      next = await createRuntime(loaded.settings, loaded.revision, {
        ...foundation,
        failureBudget: budgetFor(loaded.settings),
      });
      // Last, since it has effects of its own: what is refused must not have changed anything.
      await options.onSwap(loaded);
      if (isClosed) {
        next.retire();
        return { outcome: 'refused', revision: serving.revision, errors: ['the gateway stops'] };
      }
      swap(next, loaded);
    } catch (error) {
      next?.retire();
      return error instanceof Outage ? wait(loaded, error) : refuseUnusable(loaded, error);
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

  function swap(next: Runtime, loaded: LoadedConfig): void {
    const needRestart = changedRestartOnly(serving.settings, next.settings);
    if (needRestart.length > 0)
      log.warn({ settings: needRestart }, 'changed settings need a restart; everything else is in effect');
    const before = serving;
    serving = next;
    const { level } = next.settings.logging;
    if (level !== before.settings.logging.level) log.level = level;
    before.retire();
    newest = servingOf(loaded);
    loadedAt = clock();
    metrics.reload('ok', next.revision);
    log.info({ revision: next.revision }, 'configuration reloaded');
  }

  function refuseUnusable(loaded: LoadedConfig, error: unknown): ReloadReport {
    log.error({ err: error }, 'the new configuration could not be put to use');
    return refuse(loaded, [error instanceof Error ? error.message : 'unknown fault']);
  }

  function refuse({ files, fingerprint }: LoadResult, errors: readonly string[]): ReloadReport {
    newest = { kind: 'refused', files, fingerprint, errors };
    metrics.reload('failed', serving.revision);
    log.error(
      { problems: errors, serving: serving.revision },
      'the new configuration is refused; the old one goes on serving',
    );
    return { outcome: 'refused', revision: serving.revision, errors };
  }

  function wait(loaded: LoadedConfig, outage: Outage): ReloadReport {
    const { files, fingerprint, revision } = loaded;
    const errors = [
      `${outage.message}; the configuration is sound, and is tried again until it is in effect`,
    ];
    // Told once for a configuration, however long it takes.
    if (newest.kind !== 'waiting' || newest.loaded !== loaded) {
      metrics.reload('failed', serving.revision);
      log.error(
        { err: outage, revision, serving: serving.revision },
        'the new configuration waits for the store; the old one goes on serving',
      );
    }
    newest = { kind: 'waiting', files, fingerprint, errors, loaded };
    return { outcome: 'refused', revision: serving.revision, errors, isPassing: true };
  }

  return {
    current: () => serving,
    reload(cause = 'asked') {
      const report = lastReload.then(() => loadNext(cause));
      lastReload = report.catch(() => undefined);
      return report;
    },
    problems: () => (newest.kind === 'serving' ? [] : newest.errors),
    isWaiting: () => newest.kind === 'waiting',
    loadedAt: () => loadedAt,
    close() {
      isClosed = true;
      serving.retire();
    },
  };
}

function servingOf({ files, fingerprint }: LoadedConfig): Newest {
  return { kind: 'serving', files, fingerprint };
}
