/** Something in the configuration that its schema alone could not refuse. Holds no secret. */
export interface SettingProblem {
  /** Where, relative to what was given to the one who reports it. */
  readonly path: readonly (string | number)[];
  readonly found: string;
  readonly expected: string;
}
