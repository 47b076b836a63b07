/** `T` without members that are `undefined`: what a parser leaves present, an exact optional property must leave out. */
export type DefinedMembers<T> = {
  readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

export function definedMembers<T extends object>(value: T): DefinedMembers<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as DefinedMembers<T>;
}
