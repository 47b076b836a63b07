/** One line of a signature base (RFC 9421 §2.5): the component's identifier and its value. */
export function componentLine(component: string, value: string): string {
  return `"${component}": ${value}\n`;
}

/** The last line, which has no line break after it. `parameters`: the covered components and what follows them. */
export function parametersLine(parameters: string): string {
  return `"@signature-params": ${parameters}`;
}

/** The inner list of covered components (RFC 9421 §2.3). Names of fields have no character that a string escapes. */
export function componentList(components: readonly string[]): string {
  return `(${components.map((component) => `"${component}"`).join(' ')})`;
}

/** A String of structured fields (RFC 9651 §4.1.6); `undefined` = it holds what such a string cannot. */
export function structuredString(text: string): string | undefined {
  return /^[\x20-\x7e]*$/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : undefined;
}
