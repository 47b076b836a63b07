/** So many in a time. */
export interface Rate {
  readonly count: number;
  readonly windowMilliseconds: number;
}

const WINDOWS = { s: 1000, min: 60_000, h: 3_600_000 } as const;
const RATE = /^([1-9]\d{0,8})\/(s|min|h)$/;

/** `10/s`, `600/min`, `5000/h`; anything else → `undefined`. */
export function parseRate(text: string): Rate | undefined {
  const match = RATE.exec(text);
  if (match === null) return undefined;
  return { count: Number(match[1]), windowMilliseconds: WINDOWS[match[2] as keyof typeof WINDOWS] };
}

/** As `parseRate` reads it; a window that has no name is told in milliseconds. */
export function formatRate({ count, windowMilliseconds }: Rate): string {
  const named = Object.entries(WINDOWS).find(([, milliseconds]) => milliseconds === windowMilliseconds);
  return `${count}/${named?.[0] ?? `${windowMilliseconds}ms`}`;
}
