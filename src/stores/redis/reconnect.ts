/** Longest pause between two attempts to connect. */
export const RECONNECT_WITHIN_MILLISECONDS = 500;

export function reconnectDelay(attempt: number): number {
  return Math.min(attempt * 50, RECONNECT_WITHIN_MILLISECONDS);
}
