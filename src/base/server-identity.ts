import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/**
 * Node's check of a server's name, without its fallback to the common name of the subject: only alternative names count (RFC 9525 §2,
 * §6.3). Where we connect by TLS, with whatever library, this is the check.
 */
export function checkAlternativeNames(
  hostname: string,
  certificate: PeerCertificate,
): ReturnType<typeof checkServerIdentity> {
  return checkServerIdentity(hostname, { ...certificate, subject: { ...certificate.subject, CN: '' } });
}
