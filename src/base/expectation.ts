import { refusal } from './refusal.ts';

/** What an administrator believes of the thing to be changed. False: it is another one by now, and the change is refused. */
export type Expectation<T> = (current: T) => boolean;

export function changedMeanwhile(what: string) {
  return refusal('stale', `The ${what} was changed meanwhile: look at it again.`);
}
