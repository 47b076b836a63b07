/** How many of something are open by key. A key with none open is not remembered. */
export class OpenCounts {
  readonly #counts = new Map<string, number>();

  /** Counts one more; false, and nothing is counted, if `most` are open already. */
  enter(key: string, most: number): boolean {
    const count = this.#counts.get(key) ?? 0;
    if (count >= most) return false;
    this.#counts.set(key, count + 1);
    return true;
  }

  /** One that entered is over. */
  leave(key: string): void {
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) this.#counts.set(key, count - 1);
    else this.#counts.delete(key);
  }
}
