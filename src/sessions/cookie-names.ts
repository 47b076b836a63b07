/**
 * Names of our cookies in browsers (RFC 6265bis §4.1.3): the prefixes keep other hosts and plain HTTP from setting them. `name` is that of
 * the configuration.
 */
export function cookieNames(name: string): { readonly session: string; readonly rememberMe: string } {
  return { session: `__Host-${name}`, rememberMe: `__Secure-${name}-remember` };
}
