/** What an answer came to: a status and the deny code, if it has one (`503 store_unavailable`), or a word for what is no answer. */
export type Outcome = string;

interface Rule {
  /** At any time. */
  readonly always: readonly Outcome[];
  /** While the store is away, too. */
  readonly away: readonly Outcome[];
}

const STORE = '503 store_unavailable';
const DENIED = ['401 credential_revoked', '401 credential_invalid'] as const;

/** Who asks, and each answer that this asker may get. Whatever is not listed is a fault. */
export const RULES = {
  'steady load': { always: ['200'], away: [STORE] },
  'TLS, HTTP/1.1': { always: ['200'], away: [STORE] },
  'HTTP/2': { always: ['200', 'cancelled'], away: [STORE] },
  'new key': { always: ['200'], away: [STORE] },
  'key being revoked': { always: ['200', ...DENIED], away: [STORE] },
  'revoked key': { always: DENIED, away: [STORE] },
  login: { always: ['200'], away: [STORE] },
  session: { always: ['200'], away: [STORE] },
  'session endpoint': { always: ['200', '204'], away: [STORE] },
  'ended session': { always: DENIED, away: [STORE] },
  WebSocket: { always: ['echoed', 'closed 1000', 'closed 1006'], away: [STORE] },
  'WebSocket of a revoked key': { always: ['closed 1008'], away: ['closed 1008', 'still open'] },
  'upstream 503': { always: ['503'], away: [STORE] },
  'upstream resets': { always: ['502 upstream_unavailable'], away: [STORE] },
  'upstream stalls': { always: ['504 upstream_timeout'], away: [STORE] },
  'upstream talks garbage': { always: ['502 upstream_unavailable'], away: [STORE] },
  'upstream cuts its body': { always: ['cut'], away: [STORE] },
  'upstream stops in its head': { always: ['502 upstream_unavailable'], away: [STORE] },
  'slow head': { always: ['408 request_timeout', 'cut'], away: [STORE] },
  'slow body': { always: ['408 request_timeout'], away: [STORE] },
  'slow reader': { always: ['cut'], away: [STORE] },
  'client leaves': { always: ['left'], away: ['left', STORE] },
  administration: { always: ['200', '201'], away: ['503', '500', 'cut'] },
  reload: { always: ['reloaded', 'refused as it should'], away: ['not reloaded'] },
} as const satisfies Readonly<Record<string, Rule>>;

export type Asker = keyof typeof RULES;

/** Refused to save work: explained at any time, but counted, since at half load it should be rare. */
export const SHED: Outcome = '503 overloaded';

export function isExplained(asker: Asker, outcome: Outcome, isStoreAway: boolean): boolean {
  const rule: Rule = RULES[asker];
  return rule.always.includes(outcome) || outcome === SHED || (isStoreAway && rule.away.includes(outcome));
}
