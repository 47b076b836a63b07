/** What a refusal means to the person before the screen. */
const WORDS = {
  credential_invalid: 'User name or password is wrong.',
  tenant_mismatch: 'This login is not for that company.',
  tenant_unresolved: 'Please name the company.',
  tenant_suspended: 'The company is suspended.',
  reauthentication_required: 'That company wants a login of its own.',
  insufficient_scope: 'You may not do this.',
  csrf_rejected: 'The request did not come from this page.',
  login_unavailable: 'Nobody can log in at the moment. Your password was not judged.',
};

export function wordsFor(error) {
  const { code, status, retryAfter } = error;
  if (code === 'too_many_failures') return `Too many wrong passwords. Try again in ${retryAfter} seconds.`;
  return WORDS[code] ?? `That did not work: ${status === undefined ? 'no answer' : error.message}.`;
}

const ENDS = {
  credential_missing: '',
  credential_expired: 'The session has expired.',
};

/** Why there is no session any more. */
export function wordsForEnd({ code }) {
  return ENDS[code] ?? 'The session has ended.';
}
