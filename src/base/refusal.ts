/** Why an administrator's change is not made. `message` is one sentence for that administrator; it names no secret. */
export interface Refusal {
  /** `absent`: there is no such thing. `conflict`: it is in a state, or a place, that forbids this. `invalid`: it asks for what cannot be. */
  readonly kind: 'absent' | 'conflict' | 'invalid';
  readonly message: string;
}

export function refusal(
  kind: Refusal['kind'],
  message: string,
): { readonly ok: false; readonly error: Refusal } {
  return { ok: false, error: { kind, message } };
}
