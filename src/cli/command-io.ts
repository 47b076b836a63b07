/** What a command may touch of its process, so that a test can look. */
export interface CommandIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

/** `process.stdout` is one. */
export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

const COLOURS = { red: 31, green: 32, yellow: 33 } as const;

/** Colours a text for a terminal; elsewhere it stays as it is. */
export function paint(stream: OutputStream, colour: keyof typeof COLOURS, text: string): string {
  return stream.isTTY === true ? `\u001B[${COLOURS[colour]}m${text}\u001B[0m` : text;
}
