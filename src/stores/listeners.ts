import type { Change, ChangeFeed } from './change-feed.ts';

/** Those who follow the changes of one store within this process. */
export interface ChangeListeners {
  readonly subscribe: ChangeFeed['subscribe'];
  /** Tells every listener every change, in order. Never throws. */
  publish(changes: readonly Change[]): void;
}

export function createChangeListeners(onListenerError: (error: unknown) => void): ChangeListeners {
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
    publish(changes) {
      for (const change of changes) tell(change);
    },
  };
}
