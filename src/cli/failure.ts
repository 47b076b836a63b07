/** What a command stops with: one sentence for stderr. `exitCode`: 1 = it failed, 2 = it was called wrongly. */
export class CliFailure extends Error {
  readonly exitCode: 1 | 2;
  /** Further lines, such as the errors of a configuration file. */
  readonly details: readonly string[];

  constructor(message: string, exitCode: 1 | 2 = 1, details: readonly string[] = []) {
    super(message);
    this.name = 'CliFailure';
    this.exitCode = exitCode;
    this.details = details;
  }
}

export function usageFailure(message: string): CliFailure {
  return new CliFailure(message, 2);
}
