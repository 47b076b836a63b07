const UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, kB: 1e3, MB: 1e6, GB: 1e9 } as const;
const SIZE = /^(\d{1,9})(B|KiB|MiB|GiB|kB|MB|GB)$/;

/** `512KiB`, `1MiB`, `10MB` → bytes; anything else → `undefined`. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}
