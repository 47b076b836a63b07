/** Why an administrator's change is not made. `message` is one sentence for that administrator; it names no secret. */
export interface Refusal {
  /**
   * `absent`: there is no such thing. `conflict`: it is in a state, or a place, that forbids this. `stale`: it is not what
   * the administrator expected. `invalid`: it asks for what cannot be.
   */
  readonly kind: 'absent' | 'conflict' | 'stale' | 'invalid';
  readonly message: string;
  /** Id of what is there already, where that is why. */
  readonly existing?: string;
}

export function refusal(
  kind: Refusal['kind'],
  message: string,
  existing?: string,
): { readonly ok: false; readonly error: Refusal } {
  return { ok: false, error: { kind, message, ...(existing !== undefined && { existing }) } };
}
