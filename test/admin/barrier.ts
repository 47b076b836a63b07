/** Lets nobody pass until `count` have come, once it is armed: what each of them has read by then is what all have read. */
export interface Barrier {
  arm(count: number): void;
  pass<T>(read: Promise<T>): Promise<T>;
}

export function createBarrier(): Barrier {
  let missing = 0;
  let open = Promise.withResolvers<void>();
  open.resolve();
  return {
    arm(count) {
      missing = count;
      open = Promise.withResolvers();
    },
    async pass(read) {
      const value = await read;
      missing -= 1;
      if (missing <= 0) open.resolve();
      await open.promise;
      return value;
    },
  };
}
