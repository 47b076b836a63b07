/** Cookies as an old client keeps them: by name, until the server takes them back. */
export interface CookieJar {
  readonly keep: (setCookie: readonly string[]) => void;
  /** Value of the Cookie field; empty without cookies. */
  readonly field: () => string;
}

export function createJar(): CookieJar {
  const cookies = new Map<string, string>();

  function keep(setCookie: readonly string[]): void {
    for (const line of setCookie) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const equals = pair.indexOf('=');
      const name = pair.slice(0, equals);
      if (attributes.some(isOver)) cookies.delete(name);
      else cookies.set(name, pair.slice(equals + 1));
    }
  }

  return { keep, field: () => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
}

function isOver(attribute: string): boolean {
  const expires = /^expires=(.*)$/i.exec(attribute)?.[1];
  return /^max-age=0$/i.test(attribute) || (expires !== undefined && Date.parse(expires) <= Date.now());
}
