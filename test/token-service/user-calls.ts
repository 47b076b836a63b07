import { ANNA } from './replica.ts';
import { type Answered, type CallOptions, post, type TokenScene, tokenOf, verificationOf } from './scene.ts';

export const DAY = 86_400_000;
export const IN_ACME = { ...ANNA, tenant: 'acme' };

/** What tests about users ask of the token endpoint. */
export function createUserCalls(scene: () => TokenScene) {
  const ask = (parameters: Record<string, string>, options: CallOptions = {}) =>
    post(scene(), '/oauth/token', parameters, options);
  return {
    ask,
    logIn: (options: CallOptions = { as: 'old' }) => ask(IN_ACME, options),
    refresh: (from: Answered, options: CallOptions = { as: 'old' }, members = {}) =>
      ask(
        { grant_type: 'refresh_token', refresh_token: tokenOf(from, 'refresh_token'), ...members },
        options,
      ),
    /** The principal of an access token, and the id of its session. */
    sessionOf: async (answer: Answered) => {
      const verification = await verificationOf(scene(), tokenOf(answer));
      if (verification?.kind !== 'accepted') throw new Error('not accepted');
      const { session } = verification.principal;
      if (session === undefined) throw new Error('no session');
      return { principal: verification.principal, id: session.id };
    },
  };
}
