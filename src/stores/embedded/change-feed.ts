import type { Change, ChangeFeed } from '../change-feed.ts';

export interface LocalChangeFeed extends ChangeFeed {
  /** Tells every listener every change, in order. Never throws. */
  publish(changes: readonly Change[]): void;
}

/** The feed within one process: the embedded store has no other. */
export function createChangeFeed(onListenerError: (error: unknown) => void): LocalChangeFeed {
  let subscriptions: readonly { readonly listener: (change: Change) => void }[] = [];

  function tell(change: Change): void {
    // The list as it is now: a listener that subscribes another one does not make it hear this change.
    for (const subscription of subscriptions) {
      if (!subscriptions.includes(subscription)) continue;
      try {
        subscription.listener(change);
      } catch (error) {
        // Later, so that a reporter that throws cannot keep the change from the other listeners either.
        queueMicrotask(() => onListenerError(error));
      }
    }
  }

  return {
    subscribe(listener) {
      const subscription = { listener };
      subscriptions = [...subscriptions, subscription];
      return () => {
        subscriptions = subscriptions.filter((other) => other !== subscription);
      };
    },
    lag: () => 0,
    publish(changes) {
      for (const change of changes) tell(change);
    },
  };
}
