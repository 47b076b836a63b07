import { type Denial, denial } from '../authorization/denial.ts';
import { err, ok, type Result } from '../base/result.ts';
import { Secret } from '../base/secret.ts';
import { isRepeated, type ReceivedFields, SLOTS } from '../http/received-fields.ts';
import type {
  AcceptedCredentials,
  ApiKeyCredential,
  BearerCredential,
  Credential,
  PresentedCredentials,
  SessionCredential,
  TicketCredential,
  UserCredential,
} from './credential.ts';

/** Longer ones are wrong without a look. */
const LONGEST_CREDENTIAL = 16_384;

/** b64token of RFC 6750 §2.1. */
const B64TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
/**
 * What an API key may consist of: printable ASCII, without a space at either end, since imported keys have any shape.
 * A comma and a space is what a proxy puts between the values of a repeated field (RFC 9110 §5.3): that is two keys.
 */
const KEY_TEXT = /^(?!.*, )[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** Parameters that would carry a token in the target, which is refused wherever it stands (RFC 9700 §4.3.2). */
const TOKEN_IN_QUERY = /(?:^|&)access_token=/i;

/** A ticket of ours in the query; any other parameter of this name is the upstream's. */
const TICKET = /(?:^|&)ticket=(ght_[0-9A-Za-z]{43})(?=&|$)/g;

type Authorization =
  | { readonly kind: 'absent' }
  | { readonly kind: 'apiKey'; readonly credential: ApiKeyCredential }
  | { readonly kind: 'bearer'; readonly credential: BearerCredential }
  /** A scheme that we do not check, Basic say. */
  | { readonly kind: 'other' };

/**
 * Finds the credentials of a request and refuses whatever could be read in two ways: one field twice, one kind in
 * two places, or two kinds that the route does not accept as a pair. Nothing is verified here.
 */
export function extractCredentials(
  fields: ReceivedFields,
  query: string,
  accepts: ReadonlySet<AcceptedCredentials>,
): Result<PresentedCredentials, Denial> {
  if (isRepeated(fields, SLOTS.authorization))
    return err(denial('credential_ambiguous', 'Authorization is given twice'));
  if (isRepeated(fields, SLOTS.apiKey))
    return err(denial('credential_ambiguous', 'the API key field is given twice'));
  const authorization = readAuthorization(fields.values[SLOTS.authorization]);
  if (!authorization.ok) return authorization;
  const keyField = fields.values[SLOTS.apiKey];
  const bearer = authorization.value.kind === 'bearer' ? authorization.value.credential : undefined;
  if (query !== '' && TOKEN_IN_QUERY.test(query))
    return err(denial('credential_ambiguous', 'the query carries access_token, which is never accepted'));
  if (keyField !== undefined && authorization.value.kind === 'apiKey')
    return err(denial('credential_ambiguous', 'an API key is given in two places'));
  if (keyField !== undefined && authorization.value.kind === 'other')
    return err(denial('credential_ambiguous', 'an API key is given with an Authorization of another scheme'));

  let key = authorization.value.kind === 'apiKey' ? authorization.value.credential : undefined;
  if (keyField !== undefined) {
    if (!isKeyText(keyField))
      return err(denial('credential_invalid', 'the API key has characters that no key has, or is too long'));
    key = { kind: 'apiKey', value: new Secret(keyField) };
  }
  if (isRepeated(fields, SLOTS.session))
    return err(denial('credential_ambiguous', 'there are several session cookies'));
  const session = readSession(fields.values[SLOTS.session]);
  if (session !== undefined && authorization.value.kind === 'other')
    return err(denial('credential_ambiguous', 'a session cookie and an Authorization of another scheme'));
  const ticket = readTicket(query);
  if (!ticket.ok) return ticket;
  if (ticket.value !== undefined && authorization.value.kind === 'other')
    return err(denial('credential_ambiguous', 'a ticket and an Authorization of another scheme'));
  if (bearer !== undefined && (session !== undefined || ticket.value !== undefined))
    return err(denial('credential_ambiguous', 'a bearer token and a session cookie or ticket'));
  const user = bearer ?? withCookie(ticket.value, session) ?? session;
  return choose(key, user, authorization.value.kind === 'other', accepts);
}

/** The alternative of the route that was presented. */
function choose(
  key: ApiKeyCredential | undefined,
  user: UserCredential | TicketCredential | undefined,
  isOtherScheme: boolean,
  accepts: ReadonlySet<AcceptedCredentials>,
): Result<PresentedCredentials, Denial> {
  if (key !== undefined && user !== undefined) {
    if (user.kind !== 'ticket' && accepts.has(`apiKey+${user.kind}`))
      return ok({ kind: 'pair', client: key, user });
    return err(
      denial(
        'credential_ambiguous',
        `an API key and a ${NAMES[user.kind]}, which the route does not accept as a pair`,
      ),
    );
  }
  const credential: Credential | undefined = key ?? user;
  if (credential === undefined) {
    return isOtherScheme
      ? err(denial('credential_invalid', 'Authorization has a scheme that is not accepted'))
      : err(denial('credential_missing', 'no credential'));
  }
  if (!accepts.has(credential.kind)) {
    return isHalf(credential, accepts)
      ? err(denial('credential_missing', `${credential.kind} alone, where a pair is needed`))
      : err(denial('credential_invalid', `${credential.kind} is not accepted by the route`));
  }
  return ok({ kind: 'single', credential });
}

const NAMES = { bearer: 'bearer token', session: 'session cookie', ticket: 'ticket' } as const;

function isHalf({ kind }: Credential, accepts: ReadonlySet<AcceptedCredentials>): boolean {
  if (kind === 'apiKey') return accepts.has('apiKey+bearer') || accepts.has('apiKey+session');
  return kind !== 'ticket' && accepts.has(`apiKey+${kind}`);
}

function readSession(value: string | undefined): SessionCredential | undefined {
  return value === undefined ? undefined : { kind: 'session', value: new Secret(value) };
}

function withCookie(
  ticket: TicketCredential | undefined,
  session: SessionCredential | undefined,
): TicketCredential | undefined {
  return ticket === undefined || session === undefined ? ticket : { ...ticket, cookie: session.value };
}

function readTicket(query: string): Result<TicketCredential | undefined, Denial> {
  if (!query.includes('ticket=ght_')) return ok(undefined);
  const [first, second] = query.matchAll(TICKET);
  if (second !== undefined) return err(denial('credential_ambiguous', 'the query carries several tickets'));
  const value = first?.[1];
  return ok(value === undefined ? undefined : { kind: 'ticket', value: new Secret(value) });
}

/** The query as it may be forwarded: without a ticket of ours, everything else byte for byte. */
export function withoutTicket(query: string): string {
  return query.replace(TICKET, '').replace(/^&/, '');
}

function isKeyText(text: string): boolean {
  return text.length <= LONGEST_CREDENTIAL && KEY_TEXT.test(text);
}

/** One challenge scheme and its parameters (RFC 9110 §11.6.2); the scheme is case-insensitive. */
function readAuthorization(value: string | undefined): Result<Authorization, Denial> {
  if (value === undefined) return ok({ kind: 'absent' });
  const space = value.indexOf(' ');
  const scheme = (space === -1 ? value : value.slice(0, space)).toLowerCase();
  const rest = space === -1 ? '' : value.slice(space + 1).trimStart();
  if (scheme === 'bearer') {
    const isToken = rest.length <= LONGEST_CREDENTIAL && B64TOKEN.test(rest);
    return isToken
      ? ok({ kind: 'bearer', credential: { kind: 'bearer', value: new Secret(rest) } })
      : err(denial('credential_invalid', 'the bearer token is not a b64token, or is too long'));
  }
  if (scheme === 'apikey') {
    return isKeyText(rest)
      ? ok({ kind: 'apiKey', credential: { kind: 'apiKey', value: new Secret(rest) } })
      : err(denial('credential_invalid', 'the API key has characters that no key has, or is too long'));
  }
  return ok({ kind: 'other' });
}
