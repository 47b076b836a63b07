/** Records that have changed in the store, and are to be asked for again by those who rest on them. */
export interface Recheck<Id> {
  mark(ids: Iterable<Id>): void;
  markAll(): void;
  /** One check at a time; what is marked meanwhile waits for the next call. */
  runIfDue(): void;
}

/** What a check could not find out stays marked; `failed` is told why. */
export function createRecheck<Id>(
  check: (ids: ReadonlySet<Id> | 'all') => Promise<void>,
  failed: (error: unknown) => void,
): Recheck<Id> {
  let stale: Set<Id> | 'all' = new Set();
  let isRunning = false;

  function mark(ids: Iterable<Id>): void {
    if (stale === 'all') return;
    for (const id of ids) stale.add(id);
  }

  async function run(ids: Set<Id> | 'all'): Promise<void> {
    stale = new Set();
    isRunning = true;
    try {
      await check(ids);
    } catch (error) {
      failed(error);
      if (ids === 'all') stale = 'all';
      else mark(ids);
    } finally {
      isRunning = false;
    }
  }

  return {
    mark,
    markAll() {
      stale = 'all';
    },
    runIfDue() {
      if (!isRunning && (stale === 'all' || stale.size > 0)) void run(stale);
    },
  };
}
