import type { EpochMilliseconds } from '../base/clock.ts';
import { StoreUnavailable } from '../base/outage.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Secret } from '../base/secret.ts';
import { begun } from './new-session.ts';
import { openAnswer, sealAnswer } from './sealed-answer.ts';
import { endOfSession, type Rotation, type Session } from './session.ts';
import { drawCookie, drawSuccessor, isSameDigest, parseRotating } from './session-credential.ts';
import type {
  BegunSession,
  RotatedSession,
  RotationOptions,
  RotationRefusal,
  SessionService,
} from './session-service.ts';
import type { SessionStore } from './session-store.ts';

/** How long who did not get the answer to a rotation may ask for it again. */
const REPEAT_MILLISECONDS = 10_000;
/** Each one means that somebody else has changed the session in between. */
const ATTEMPTS = 200;

type Lives = Parameters<SessionService['rotate']>[1];
type Rotated = Result<RotatedSession, RotationRefusal>;

/**
 * One compare-and-set stores the next generation together with its sealed answer. Before it the presented credential is as good as it was,
 * after it the answer can be fetched with it: there is no moment at which a crash loses the family, or leaves two.
 */
export function createRotation(sessions: SessionStore): SessionService['rotate'] {
  return async (presented, lives, options, now) => {
    const credential = parseRotating(presented, options.kind);
    if (credential === undefined) return err({ kind: 'unknown' });
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const session = (await sessions.find(credential.id))?.session;
      const rotation = session?.rotation;
      const isOfFamily = isSameDigest(credential.familyDigest, rotation?.familyDigest);
      if (!isOfFamily || session === undefined || rotation === undefined) return err({ kind: 'unknown' });
      if (now >= endOfSession(session)) return err({ kind: 'expired', session });
      const admitted = options.admit(session);
      if (!admitted.ok) return err({ kind: 'refused', session, reason: admitted.error });

      const isCurrent = isSameDigest(credential.digest, rotation.currentDigest);
      if (!isCurrent && !isRepeat(credential.digest, rotation, now)) {
        await sessions.end(session.id);
        return err({ kind: 'reused', session });
      }
      if (now >= rotation.idleEnd || now >= rotation.absoluteEnd) return err({ kind: 'expired', session });
      if (!isCurrent) return repeat(session, rotation, presented);

      const rotated = await trade(session, rotation, presented, lives, options, now);
      if (rotated !== undefined) return rotated;
    }
    throw new StoreUnavailable(`The session ${credential.id} was changed too often to be renewed`);
  };

  /** `undefined`: the session was changed meanwhile, or has ended. */
  async function trade(
    session: Session,
    rotation: Rotation,
    presented: Secret,
    lives: Lives,
    { kind, answer }: RotationOptions,
    now: EpochMilliseconds,
  ): Promise<Rotated | undefined> {
    const renewed = nextGeneration(session, rotation, presented, lives, kind, now);
    const text = await answer(renewed.begun);
    const replaced: Session = {
      ...renewed.begun.session,
      rotation: {
        ...renewed.rotation,
        previous: {
          digest: rotation.currentDigest,
          rotatedAt: now,
          sealedAnswer: sealAnswer(text, presented, {
            id: session.id,
            successorDigest: renewed.rotation.currentDigest,
          }),
        },
      },
    };
    const outcome = await sessions.replace(replaced, session.revision);
    return outcome === 'replaced' ? ok({ session: replaced, answer: text, isRepeated: false }) : undefined;
  }
}

/** Whether what was presented is the generation before the current one, soon enough after it was replaced; clocks of replicas may differ. */
function isRepeat(digest: string, { previous }: Rotation, now: EpochMilliseconds): boolean {
  return isSameDigest(digest, previous?.digest) && now < (previous?.rotatedAt ?? 0) + REPEAT_MILLISECONDS;
}

function repeat(session: Session, rotation: Rotation, presented: Secret): Rotated {
  const answer = openAnswer(rotation.previous?.sealedAnswer ?? '', presented, {
    id: session.id,
    successorDigest: rotation.currentDigest,
  });
  if (answer === undefined)
    throw new StoreUnavailable(
      `The answer kept for the session ${session.id} cannot be opened: the record is damaged`,
    );
  return ok({ session, answer, isRepeated: true });
}

function nextGeneration(
  session: Session,
  { absoluteEnd }: Rotation,
  presented: Secret,
  lives: Lives,
  kind: RotationOptions['kind'],
  now: EpochMilliseconds,
): { readonly begun: BegunSession; readonly rotation: Rotation } {
  const successor = drawSuccessor(presented);
  const rotation: Rotation = {
    familyDigest: successor.familyDigest,
    currentDigest: successor.digest,
    idleEnd: Math.min(now + lives.idle, absoluteEnd),
    absoluteEnd,
  };
  const renewed = { ...session, rotation, revision: session.revision + 1 };
  if (kind === 'refresh') return { begun: begun(renewed, undefined, successor), rotation };
  // Whoever trades the remember-me cookie takes the session: a cookie that was given out before is dead.
  const cookie = drawCookie(session.id);
  const sessionEnd = Math.min(now + lives.absolute, absoluteEnd);
  const withCookie: Session = {
    ...renewed,
    cookieDigest: cookie.digest,
    expiresAt: Math.min(now + lives.ttl, sessionEnd),
    absoluteEnd: sessionEnd,
  };
  return { begun: begun(withCookie, cookie, successor), rotation };
}
