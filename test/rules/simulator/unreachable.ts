/** The object could not be reached, or died before it answered. */
export class Unreachable extends Error {
  readonly overloaded: boolean;

  constructor(overloaded = false) {
    super("unreachable");
    this.overloaded = overloaded;
  }
}
